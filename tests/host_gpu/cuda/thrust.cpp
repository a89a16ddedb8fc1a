// The sorts of Thrust that CuPy calls, on the host: along the last axis, NaN last.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "host_gpu.h"

using Shape = std::vector<ptrdiff_t>;

namespace {

template <class T>
bool is_less(T a, T b) {
  if constexpr (std::is_integral<T>::value) {
    return a < b;
  } else {
    double x = (double)a, y = (double)b;
    return std::isnan(y) ? !std::isnan(x) : x < y;
  }
}

template <class T>
void sort_rows(void* data, size_t rows, size_t n) {
  T* row = static_cast<T*>(data);
  for (size_t r = 0; r < rows; r++, row += n) std::stable_sort(row, row + n, is_less<T>);
}

template <class T>
void argsort_rows(size_t* order, void* data, size_t rows, size_t n) {
  T* row = static_cast<T*>(data);
  for (size_t r = 0; r < rows; r++, row += n, order += n) {
    std::iota(order, order + n, 0);
    std::stable_sort(order, order + n,
                     [row](size_t a, size_t b) { return is_less(row[a], row[b]); });
  }
}

// CuPy's numbers of dtypes (cupy/cuda/common.pyx).
#define OF_DTYPE(id, function, ...)              \
  switch (id) {                                  \
    case 0:                                      \
      return function<int8_t>(__VA_ARGS__);      \
    case 1:                                      \
    case 13:                                     \
      return function<uint8_t>(__VA_ARGS__);     \
    case 2:                                      \
      return function<int16_t>(__VA_ARGS__);     \
    case 3:                                      \
      return function<uint16_t>(__VA_ARGS__);    \
    case 4:                                      \
      return function<int32_t>(__VA_ARGS__);     \
    case 5:                                      \
      return function<uint32_t>(__VA_ARGS__);    \
    case 6:                                      \
      return function<int64_t>(__VA_ARGS__);     \
    case 7:                                      \
      return function<uint64_t>(__VA_ARGS__);    \
    case 8:                                      \
      return function<_Float16>(__VA_ARGS__);    \
    case 9:                                      \
      return function<float>(__VA_ARGS__);       \
    case 10:                                     \
      return function<double>(__VA_ARGS__);      \
  }                                              \
  throw std::bad_alloc()

size_t rows_of(const Shape& shape) {
  size_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); i++) rows *= shape[i];
  return rows;
}

}  // namespace

void thrust_sort(int id, void* data, size_t*, const Shape& shape, intptr_t, void*) {
  host_gpu_tell("launch", "thrust_sort");
  size_t rows = rows_of(shape), n = shape.back();
  host_gpu_do([=] { OF_DTYPE(id, sort_rows, data, rows, n); });
}

void thrust_argsort(int id, size_t* order, void* data, void*, const Shape& shape,
                    intptr_t, void*) {
  host_gpu_tell("launch", "thrust_argsort");
  size_t rows = rows_of(shape), n = shape.back();
  host_gpu_do([=] { OF_DTYPE(id, argsort_rows, order, data, rows, n); });
}

void thrust_lexsort(int, size_t*, void*, size_t, size_t, intptr_t, void*) {
  throw std::bad_alloc();  // xdl sorts by no more than one key
}
