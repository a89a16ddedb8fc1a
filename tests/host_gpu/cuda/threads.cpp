// How a kernel runs on the host: block after block, thread after thread. Where it has
// barriers or shuffles, the threads of a block are fibers that take turns.
#include <vector_types.h>

#include <cstdio>
#include <cstdlib>

#include "threads.h"

#if !defined(__x86_64__)
#error "the host GPU switches fibers on x86-64 only"
#endif
asm(R"(
.text
.hidden host_gpu_switch
.globl host_gpu_switch
host_gpu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

extern "C" {
uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
char host_gpu_slots[1024][16];
void host_gpu_switch(void** save, void* to);
}

namespace {

struct Fiber {
  void* stack_pointer;
  char* stack;
  bool is_done;
};
const size_t STACK = 32768;
Fiber fibers[1024];
Fiber* current = nullptr;  // the fiber that runs, if any
void* scheduler;
const Kernel* kernel;
void** arguments;

void set_thread(int t) {
  threadIdx.x = t % blockDim.x;
  threadIdx.y = t / blockDim.x % blockDim.y;
  threadIdx.z = t / blockDim.x / blockDim.y;
}

void enter() {
  kernel->call(arguments);
  current->is_done = true;
  void* dead;
  host_gpu_switch(&dead, scheduler);
}

void start(Fiber& fiber) {
  if (!fiber.stack) fiber.stack = static_cast<char*>(aligned_alloc(64, STACK));
  fiber.is_done = false;
  auto** top = reinterpret_cast<void**>(fiber.stack + STACK);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(enter);
  for (int i = 0; i < 6; i++) *--top = nullptr;  // the registers that a switch pops
  fiber.stack_pointer = top;
}

void run_fibers(int threads) {
  for (int t = 0; t < threads; t++) start(fibers[t]);
  for (int alive = threads; alive;) {
    for (int t = 0; t < threads; t++) {
      if (fibers[t].is_done) continue;
      current = &fibers[t];
      set_thread(t);
      host_gpu_switch(&scheduler, current->stack_pointer);
      alive -= fibers[t].is_done;
    }
  }
  current = nullptr;
}

void run_block(int threads) {
  if (kernel->has_barriers) return run_fibers(threads);
  for (int t = 0; t < threads; t++) {
    set_thread(t);
    kernel->call(arguments);
  }
}

}  // namespace

extern "C" void host_gpu_turn() {
  if (!current) {
    fprintf(stderr, "host GPU: a barrier in a kernel whose source shows none\n");
    abort();
  }
  host_gpu_switch(&current->stack_pointer, scheduler);
}

void run(const Kernel& launched, void** given, dim3 grid, dim3 block) {
  kernel = &launched;
  arguments = given;
  gridDim = grid;
  blockDim = block;
  for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
        run_block(block.x * block.y * block.z);
}
