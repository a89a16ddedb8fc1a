// libcublasLt.so.13 on the host: the float32 product of benchmarks/gpu_cublaslt.py.
#include <cstdint>

#include "host_gpu.h"

namespace {

enum Status { SUCCESS = 0, INVALID_VALUE = 7 };
void* const HANDLE = reinterpret_cast<void*>(0x99);
void* const DESCRIPTION = reinterpret_cast<void*>(0x98);

struct Layout {
  uint64_t rows, columns;
  int64_t ld;
};

}  // namespace

extern "C" {

int cublasLtCreate(void** handle) {
  *handle = HANDLE;
  return SUCCESS;
}

int cublasLtMatmulDescCreate(void** description, int compute, int scale) {
  const int compute_32f = 68, r_32f = 0;
  if (compute != compute_32f || scale != r_32f) return INVALID_VALUE;
  *description = DESCRIPTION;
  return SUCCESS;
}

int cublasLtMatrixLayoutCreate(void** layout, int, uint64_t rows, uint64_t columns,
                               int64_t ld) {
  if (ld < (int64_t)rows) return INVALID_VALUE;
  *layout = new Layout{rows, columns, ld};
  return SUCCESS;
}

int cublasLtMatmul(void* handle, void* description, const void* alpha, const void* a,
                   void* a_layout, const void* b, void* b_layout, const void* beta,
                   const void* c, void*, void* d, void* d_layout, const void*, void*,
                   size_t, void*) {
  Layout A = *(Layout*)a_layout, B = *(Layout*)b_layout, D = *(Layout*)d_layout;
  if (handle != HANDLE || description != DESCRIPTION) return INVALID_VALUE;
  if (A.columns != B.rows || A.rows != D.rows || B.columns != D.columns)
    return INVALID_VALUE;
  host_gpu_tell("launch", __func__);
  float scale = *(const float*)alpha, kept = *(const float*)beta;
  host_gpu_do([=] {
    for (uint64_t j = 0; j < D.columns; j++)
      for (uint64_t i = 0; i < D.rows; i++) {
        float sum = 0;
        for (uint64_t k = 0; k < A.columns; k++)
          sum += ((const float*)a)[i + k * A.ld] * ((const float*)b)[k + j * B.ld];
        uint64_t at = i + j * D.ld;
        float before = kept != 0 ? kept * ((const float*)c)[at] : 0;
        ((float*)d)[at] = scale * sum + before;
      }
  });
  return SUCCESS;
}

}  // extern "C"
