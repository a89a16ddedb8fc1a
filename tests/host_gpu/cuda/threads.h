// A kernel as device.h describes it, and how all its threads run.
#pragma once
#include <vector_types.h>

#include <cstddef>

struct Kernel {
  void (*call)(void** arguments);
  const size_t* sizes;
  bool has_barriers;
};

void run(const Kernel& kernel, void** arguments, dim3 grid, dim3 block);
