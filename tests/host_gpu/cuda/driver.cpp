// libcuda.so.1 on the host: a module is a shared object that kernels.py made, a launch
// is a call, a graph is a list of calls.
//
// Whatever reaches this GPU, from here or from the other libraries, is told to `on_event`.
#include <cuda.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "host_gpu.h"
#include "threads.h"

using Work = std::function<void()>;
using Graph = std::vector<Work>;

static std::mutex one_kernel;  // a stream runs one kernel after the other
static Graph* capturing = nullptr;

extern "C" {

void (*host_gpu_on_event)(const char* kind, const char* what) = nullptr;

void host_gpu_tell(const char* kind, const char* what) {
  if (host_gpu_on_event) host_gpu_on_event(kind, what);
}

int host_gpu_is_capturing() { return capturing != nullptr; }
void host_gpu_begin() { capturing = new Graph; }

void* host_gpu_end() {
  Graph* graph = capturing;
  capturing = nullptr;
  return graph;
}

void host_gpu_replay(void* graph) {
  for (auto& work : *static_cast<Graph*>(graph)) work();
}

}  // extern "C"

void host_gpu_do(Work work) {
  if (capturing)
    capturing->push_back(work);
  else
    work();
}

namespace {

struct Function {
  Kernel kernel;
  std::string name;
};

// Return the arguments of a launch, which a graph needs when they are gone.
std::vector<std::vector<char>> copied(void** arguments, const size_t* sizes) {
  std::vector<std::vector<char>> kept;
  for (int i = 0; sizes[i]; i++) {
    auto* bytes = static_cast<char*>(arguments[i]);
    kept.emplace_back(bytes, bytes + sizes[i]);
  }
  return kept;
}

bool is_possible(dim3 grid, dim3 block, unsigned shared) {
  if (!grid.x || !grid.y || !grid.z || grid.x > 2147483647u) return false;
  if (grid.y > 65535 || grid.z > 65535 || shared > 232448) return false;
  unsigned threads = block.x * block.y * block.z;
  return threads && threads <= 1024 && block.z <= 64;
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) { return CUDA_ERROR_NO_DEVICE; }  // for CuPy alone
CUresult cuGetErrorName(CUresult, const char** name) {
  *name = "CUDA_ERROR_OF_THE_HOST_GPU";
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult, const char** text) {
  *text = "the host GPU refused it";
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return CUDA_SUCCESS; }
CUresult cuCtxGetCurrent(CUcontext* context) {
  *context = reinterpret_cast<CUcontext>(0x10);
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext) { return CUDA_SUCCESS; }
CUresult cuCtxGetDevice(CUdevice* device) {
  *device = 0;
  return CUDA_SUCCESS;
}
CUresult cuStreamGetCtx(CUstream, CUcontext* context) {
  return cuCtxGetCurrent(context);
}

CUresult cuModuleLoad(CUmodule*, const char*) { return CUDA_ERROR_NOT_SUPPORTED; }

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  void* handle = dlopen(static_cast<const char*>(image), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    fprintf(stderr, "host GPU: %s\n", dlerror());
    return CUDA_ERROR_INVALID_IMAGE;
  }
  *module = static_cast<CUmodule>(handle);
  return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  void* found = dlsym(module, (std::string("host_gpu_kernel_") + name).c_str());
  if (!found) return CUDA_ERROR_NOT_FOUND;
  Kernel kernel = reinterpret_cast<Kernel (*)()>(found)();
  *function = reinterpret_cast<CUfunction>(new Function{kernel, name});
  return CUDA_SUCCESS;
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* at, size_t* size, CUmodule module,
                              const char* name) {
  void* symbol = dlsym(module, name);
  *at = reinterpret_cast<CUdeviceptr>(symbol);
  *size = 0;
  return symbol ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                        unsigned by, unsigned bz, unsigned shared, CUstream,
                        void** arguments, void**) {
  auto* function = reinterpret_cast<Function*>(f);
  dim3 grid(gx, gy, gz), block(bx, by, bz);
  host_gpu_tell("launch", function->name.c_str());
  if (!is_possible(grid, block, shared)) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard<std::mutex> hold(one_kernel);
  if (!capturing) {
    run(function->kernel, arguments, grid, block);
    return CUDA_SUCCESS;
  }
  capturing->push_back([=, kept = copied(arguments, function->kernel.sizes)]() mutable {
    std::vector<void*> pointers;
    for (auto& bytes : kept) pointers.push_back(bytes.data());
    run(function->kernel, pointers.data(), grid, block);
  });
  return CUDA_SUCCESS;
}

CUresult cuLaunchCooperativeKernel(CUfunction, unsigned, unsigned, unsigned, unsigned,
                                   unsigned, unsigned, unsigned, CUstream, void**) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute which, CUfunction) {
  *value = which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : 0;
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) {
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction, int,
                                                     size_t) {
  *blocks = 4;
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction,
                                          CUoccupancyB2DSize, size_t, int) {
  *grid = 264;
  *block = 512;
  return CUDA_SUCCESS;
}

}  // extern "C"
