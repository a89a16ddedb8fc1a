// libcublas.so.13 on the host: the products that CuPy asks for. Columns come first.
// build.py adds a function that fails for each other name that CuPy's module needs.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "host_gpu.h"

namespace {

enum Status { SUCCESS = 0, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum DataType { R_32F = 0, R_64F = 1, R_16F = 2, R_16BF = 14 };

struct BFloat16 {
  uint16_t bits;
  operator double() const {
    uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float f;
    memcpy(&f, &wide, 4);
    return f;
  }
  explicit BFloat16(double d) {
    float f = static_cast<float>(d);
    uint32_t wide;
    memcpy(&wide, &f, 4);
    bool is_nan = (wide & 0x7fffffff) > 0x7f800000;
    if (!is_nan) wide += 0x7fff + ((wide >> 16) & 1);  // to the nearest, ties to even
    bits = static_cast<uint16_t>(wide >> 16 | (is_nan ? 0x40 : 0));
  }
};

struct Shape {
  int transA, transB, m, n, k;
  int dropped = 0;  // digits of a float32 that tensor cores do not read
};

// How many digits a cublasComputeType leaves out: 74 is that of float16, 75 of bfloat16.
int dropped_by(int compute) {
  return compute == 74 || compute == 77 ? 13 : compute == 75 ? 16 : 0;
}

template <class T>
double seen(T x, int) {
  return (double)x;
}
double seen(float x, int dropped) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  bits &= ~((1u << dropped) - 1);
  memcpy(&x, &bits, 4);
  return x;
}

void tell_launch(const char* name, const Shape& s) {
  std::string text = name;
  if (s.dropped) text += " without " + std::to_string(s.dropped) + " digits";
  host_gpu_tell("launch", text.c_str());
}

bool is_possible(const Shape& s, long lda, long ldb, long ldc) {
  auto is_enough = [](long ld, int rows) { return ld >= 1 && ld >= rows; };
  return is_enough(lda, s.transA ? s.k : s.m) && is_enough(ldb, s.transB ? s.n : s.k) &&
         is_enough(ldc, s.m);
}

// C = op(A) op(B), summed in Sum.
template <class T, class Sum>
void product(const Shape& s, const T* a, long lda, const T* b, long ldb, T* c, long ldc) {
  std::vector<Sum> column(s.m);
  for (int j = 0; j < s.n; j++) {
    std::fill(column.begin(), column.end(), Sum(0));
    for (int l = 0; l < s.k; l++) {
      Sum factor = (Sum)seen(b[s.transB ? j + l * ldb : l + j * ldb], s.dropped);
      for (int i = 0; i < s.m; i++)
        column[i] +=
            (Sum)seen(a[s.transA ? l + i * lda : i + l * lda], s.dropped) * factor;
    }
    for (int i = 0; i < s.m; i++) c[i + j * ldc] = (T)(double)column[i];
  }
}

template <class T, class Sum>
Status product(const char* name, const Shape& s, const void* a, long lda, long long sa,
               const void* b, long ldb, long long sb, void* c, long ldc, long long sc,
               int count) {
  tell_launch(name, s);
  if (!is_possible(s, lda, ldb, ldc)) return INVALID_VALUE;
  host_gpu_do([=] {
    for (int i = 0; i < count; i++)
      product<T, Sum>(s, (const T*)a + i * sa, lda, (const T*)b + i * sb, ldb,
                      (T*)c + i * sc, ldc);
  });
  return SUCCESS;
}

template <class T>
Status batched(const char* name, const Shape& s, const T* const* a, int lda,
               const T* const* b, int ldb, T* const* c, int ldc, int count) {
  tell_launch(name, s);
  if (!is_possible(s, lda, ldb, ldc)) return INVALID_VALUE;
  host_gpu_do([=] {
    for (int i = 0; i < count; i++) product<T, T>(s, a[i], lda, b[i], ldb, c[i], ldc);
  });
  return SUCCESS;
}

int math_mode = 0, pointer_mode = 0;
void* stream = nullptr;

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
  *handle = reinterpret_cast<void*>(0x77);
  return SUCCESS;
}
int cublasDestroy_v2(void*) { return SUCCESS; }
int cublasSetStream_v2(void*, void* s) {
  stream = s;
  return SUCCESS;
}
int cublasGetStream_v2(void*, void** s) {
  *s = stream;
  return SUCCESS;
}
int cublasSetMathMode(void*, int mode) {
  math_mode = mode;
  return SUCCESS;
}
int cublasGetMathMode(void*, int* mode) {
  *mode = math_mode;
  return SUCCESS;
}
int cublasSetPointerMode_v2(void*, int mode) {
  pointer_mode = mode;
  return SUCCESS;
}
int cublasGetPointerMode_v2(void*, int* mode) {
  *mode = pointer_mode;
  return SUCCESS;
}
int cublasGetVersion_v2(void*, int* version) {
  *version = 130100;
  return SUCCESS;
}

// alpha is 1 and beta is 0 in whatever CuPy asks for.
int cublasGemmStridedBatchedEx(void*, int ta, int tb, int m, int n, int k, const void*,
                               const void* a, int at, int lda, long long sa,
                               const void* b, int bt, int ldb, long long sb,
                               const void*, void* c, int ct, int ldc, long long sc,
                               int count, int compute, int) {
  if (at != bt || bt != ct) return NOT_SUPPORTED;
  Shape s{ta, tb, m, n, k, dropped_by(compute)};
#define AS(T, Sum) \
  product<T, Sum>(__func__, s, a, lda, sa, b, ldb, sb, c, ldc, sc, count)
  switch (ct) {
    case R_32F:
      return AS(float, float);
    case R_64F:
      return AS(double, double);
    case R_16F:
      return AS(_Float16, float);
    case R_16BF:
      return AS(BFloat16, float);
  }
#undef AS
  return NOT_SUPPORTED;
}

int cublasGemmEx(void* h, int ta, int tb, int m, int n, int k, const void* alpha,
                 const void* a, int at, int lda, const void* b, int bt, int ldb,
                 const void* beta, void* c, int ct, int ldc, int compute, int algo) {
  return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, at, lda, 0, b, bt, ldb,
                                    0, beta, c, ct, ldc, 0, 1, compute, algo);
}

int cublasSetWorkspace_v2(void*, void*, size_t) { return SUCCESS; }

int cublasGemmBatchedEx(void*, int ta, int tb, int m, int n, int k, const void*,
                        const void* const* a, int at, int lda, const void* const* b,
                        int bt, int ldb, const void*, void* const* c, int ct, int ldc,
                        int count, int compute, int) {
  if (at != bt || bt != ct) return NOT_SUPPORTED;
  Shape s{ta, tb, m, n, k, dropped_by(compute)};
#define AS(T) \
  batched<T>(__func__, s, (const T* const*)a, lda, (const T* const*)b, ldb, \
             (T* const*)c, ldc, count)
  switch (ct) {
    case R_32F:
      return AS(float);
    case R_64F:
      return AS(double);
  }
#undef AS
  return NOT_SUPPORTED;
}

int cublasSgemmBatched(void*, int ta, int tb, int m, int n, int k, const float*,
                       const float* const* a, int lda, const float* const* b, int ldb,
                       const float*, float* const* c, int ldc, int count) {
  return batched(__func__, {ta, tb, m, n, k}, a, lda, b, ldb, c, ldc, count);
}

int cublasDgemmBatched(void*, int ta, int tb, int m, int n, int k, const double*,
                       const double* const* a, int lda, const double* const* b, int ldb,
                       const double*, double* const* c, int ldc, int count) {
  return batched(__func__, {ta, tb, m, n, k}, a, lda, b, ldb, c, ldc, count);
}

}  // extern "C"
