// CUDA's builtins for g++, so that the source of a kernel is C++ of the host. It is
// compiled once, as a precompiled header; threads.cpp runs what comes of it. Threads run
// one after the other, so an atomic is a plain operation.
#pragma once
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

#define __forceinline__ inline
#include <vector_functions.h>
#include <vector_types.h>
#undef __global__
#undef __device__
#undef __host__
#undef __constant__
#undef __shared__
#undef __launch_bounds__
#undef __noinline__
#define __launch_bounds__(...)
#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __noinline__ __attribute__((noinline))
#define __grid_constant__
#include <cuda_bf16.h>
#include <cuda_fp16.h>

using std::abs;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::max;
using std::min;
using std::signbit;

extern "C" {
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
extern char host_gpu_slots[1024][16];  // what each thread of the block shows the others
void host_gpu_turn();  // let the other threads come to their next turn, or to their end
}
static const int warpSize = 32;

// Bits

template <class To, class From>
static inline To host_gpu_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "as many bits");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
static inline int __float_as_int(float x) { return host_gpu_bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return host_gpu_bits<unsigned>(x); }
static inline float __int_as_float(int x) { return host_gpu_bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return host_gpu_bits<float>(x); }
static inline long long __double_as_longlong(double x) {
  return host_gpu_bits<long long>(x);
}
static inline double __longlong_as_double(long long x) {
  return host_gpu_bits<double>(x);
}
static inline double __hiloint2double(int high, int low) {
  return __longlong_as_double(((long long)high << 32) | (unsigned)low);
}
static inline int __double2hiint(double x) {
  return (int)(__double_as_longlong(x) >> 32);
}
static inline int __double2loint(double x) { return (int)__double_as_longlong(x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline unsigned __umulhi(unsigned x, unsigned y) {
  return (unsigned long long)x * y >> 32;
}
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return (unsigned __int128)x * y >> 64;
}

// Arithmetic

static inline float __fdividef(float x, float y) { return x / y; }
static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float __fmul_rn(float x, float y) { return x * y; }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline float __frcp_rn(float x) { return 1 / x; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline double __dsqrt_rn(double x) { return std::sqrt(x); }
static inline float __expf(float x) { return expf(x); }
static inline float __logf(float x) { return logf(x); }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
static inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
static inline double normcdf(double x) { return 0.5 * erfc(-x * 0.7071067811865476); }
template <class T>
static inline T __ldg(const T* at) {
  return *at;
}

// Of two kinds of integers the common one; of a number and NaN the number.
template <class A, class B>
using HostGpuMixed =
    typename std::enable_if<!std::is_same<A, B>::value && std::is_arithmetic<A>::value &&
                                std::is_arithmetic<B>::value,
                            typename std::common_type<A, B>::type>::type;
template <class A, class B>
static inline HostGpuMixed<A, B> min(A a, B b) {
  typedef HostGpuMixed<A, B> C;
  return (C)a < (C)b ? (C)a : (C)b;
}
template <class A, class B>
static inline HostGpuMixed<A, B> max(A a, B b) {
  typedef HostGpuMixed<A, B> C;
  return (C)a > (C)b ? (C)a : (C)b;
}
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }

// Atomics

#define HOST_GPU_ATOMIC(T, name, after)      \
  static inline T name(T* at, T value) {     \
    T before = *at;                          \
    *at = after;                             \
    return before;                           \
  }
#define HOST_GPU_SUM(T)                               \
  HOST_GPU_ATOMIC(T, atomicAdd, (T)(before + value))  \
  HOST_GPU_ATOMIC(T, atomicExch, value)
#define HOST_GPU_CHOICE(T)                                       \
  HOST_GPU_ATOMIC(T, atomicMax, value > before ? value : before) \
  HOST_GPU_ATOMIC(T, atomicMin, value < before ? value : before)
#define HOST_GPU_WHOLE(T)                      \
  HOST_GPU_CHOICE(T)                           \
  HOST_GPU_ATOMIC(T, atomicSub, before - value) \
  HOST_GPU_ATOMIC(T, atomicAnd, before & value) \
  HOST_GPU_ATOMIC(T, atomicOr, before | value)  \
  HOST_GPU_ATOMIC(T, atomicXor, before ^ value) \
  static inline T atomicCAS(T* at, T wanted, T value) { \
    T before = *at;                            \
    if (before == wanted) *at = value;         \
    return before;                             \
  }
HOST_GPU_SUM(int)
HOST_GPU_SUM(unsigned)
HOST_GPU_SUM(unsigned long long)
HOST_GPU_SUM(float)
HOST_GPU_SUM(double)
HOST_GPU_WHOLE(int)
HOST_GPU_WHOLE(unsigned)
HOST_GPU_WHOLE(unsigned long long)
HOST_GPU_CHOICE(long long)

// Barriers and shuffles: turns of the threads of a block (threads.cpp).

static inline void __syncthreads() { host_gpu_turn(); }
static inline void __syncwarp(unsigned = 0) { host_gpu_turn(); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

static inline int host_gpu_thread() {
  return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
}
// Show a value to the other threads; return what `read` makes of all that they show.
template <class T, class Read>
static inline auto host_gpu_exchange(T value, Read read) {
  static_assert(sizeof(T) <= sizeof host_gpu_slots[0], "fits a slot");
  memcpy(host_gpu_slots[host_gpu_thread()], &value, sizeof value);
  host_gpu_turn();
  auto result = read([](int thread) {
    T shown;
    memcpy(&shown, host_gpu_slots[thread], sizeof shown);
    return shown;
  });
  host_gpu_turn();
  return result;
}
template <class T>
static inline T host_gpu_from(T value, int thread) {
  return host_gpu_exchange(value, [=](auto shown) { return shown(thread); });
}
template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int mask, int = 32) {
  return host_gpu_from(value, host_gpu_thread() ^ mask);
}
template <class T>
static inline T __shfl_down_sync(unsigned, T value, int by, int width = 32) {
  int me = host_gpu_thread();
  return host_gpu_from(value, me % width + by < width ? me + by : me);
}
template <class T>
static inline T __shfl_up_sync(unsigned, T value, int by, int width = 32) {
  int me = host_gpu_thread();
  return host_gpu_from(value, me % width >= by ? me - by : me);
}
template <class T>
static inline T __shfl_sync(unsigned, T value, int lane, int width = 32) {
  return host_gpu_from(value, host_gpu_thread() / width * width + lane % width);
}
static inline unsigned __ballot_sync(unsigned mask, int value) {
  int first = host_gpu_thread() / 32 * 32;
  return host_gpu_exchange(value, [=](auto shown) {
    unsigned bits = 0;
    for (int lane = 0; lane < 32; lane++)
      if (mask >> lane & 1 && shown(first + lane)) bits |= 1u << lane;
    return bits;
  });
}
static inline int __any_sync(unsigned mask, int value) {
  return __ballot_sync(mask, value) != 0;
}
static inline int __all_sync(unsigned mask, int value) {
  return __ballot_sync(mask, value) == mask;
}

// What CuPy puts before its kernels.
#include <cupy/complex.cuh>
#include <cupy/carray.cuh>
#include <cupy/float16.cuh>
#include <cupy/bfloat16.cuh>
#include <cupy/atomics.cuh>
#include <cupy/math_constants.h>

// After the source of kernels: what the driver finds of each by its name.

template <class... A, size_t... I>
static inline void host_gpu_call(void (*kernel)(A...), void** arguments,
                                 std::index_sequence<I...>) {
  kernel(*(A*)arguments[I]...);
}
template <class... A>
static inline auto host_gpu_indices(void (*)(A...)) {
  return std::index_sequence_for<A...>();
}
template <class... A>
static inline const size_t* host_gpu_sizes(void (*)(A...)) {
  static const size_t sizes[] = {sizeof(A)..., 0};
  return sizes;
}

struct HostGpuKernel {
  void (*call)(void** arguments);  // one thread of it
  const size_t* sizes;             // of the arguments, 0 at the end
  bool has_barriers;
};

#define HOST_GPU_KERNEL(name, has_barriers)                                       \
  extern "C" __attribute__((externally_visible)) HostGpuKernel                    \
      host_gpu_kernel_##name() {                                                  \
    auto call = [](void** arguments) {                                            \
      host_gpu_call(&name, arguments, host_gpu_indices(&name));                   \
    };                                                                            \
    return {call, host_gpu_sizes(&name), has_barriers};                           \
  }
