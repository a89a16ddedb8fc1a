// What driver.cpp offers to the other libraries of the host GPU.
#pragma once
#include <functional>

// Tell who watches of one event: its kind (launch, copy, wait, ...) and what it is.
extern "C" void host_gpu_tell(const char* kind, const char* what);

// Do something that a GPU would do in its stream: now, or at each replay of the graph
// that is being captured.
void host_gpu_do(std::function<void()> work);

extern "C" int host_gpu_is_capturing();
extern "C" void host_gpu_begin();
extern "C" void* host_gpu_end();
extern "C" void host_gpu_replay(void* graph);
