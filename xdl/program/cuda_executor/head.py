"""Head: what all generated kernels of a module share."""

from xdl.backend.cuda.rounding import ROUNDING

HEAD = (
    r"""
#define INF_ __int_as_float(0x7f800000)
#define NAN_ __int_as_float(0x7fc00000)

template <class T>
__device__ __forceinline__ T maximum_(T a, T b) {
  return a != a ? a : b != b ? b : a > b ? a : b;
}
template <class T>
__device__ __forceinline__ T minimum_(T a, T b) {
  return a != a ? a : b != b ? b : a < b ? a : b;
}
template <class T>
__device__ __forceinline__ T abs_(T a) {
  return a < 0 ? (T)-a : a;
}
__device__ __forceinline__ float fmod_(float a, float b) { return fmodf(a, b); }
__device__ __forceinline__ double fmod_(double a, double b) { return fmod(a, b); }

// Python's: it has the sign of the divisor; by 0 it is NaN, of integers 0.
template <class T>
__device__ __forceinline__ T remainder_(T a, T b) {
  T r;
  if constexpr ((T)0.5 == 0) {
    if (b == 0) return 0;
    if (b == (T)-1) return 0;
    r = a % b;
  } else {
    r = fmod_(a, b);
    if (r == 0) return b < 0 ? -(T)0 : (T)0;
  }
  return r != 0 && (r < 0) != (b < 0) ? (T)(r + b) : r;
}
template <class T>
__device__ __forceinline__ T floor_divide_(T a, T b) {
  if constexpr ((T)0.5 == 0) {
    if (b == 0) return 0;
    if (b == (T)-1) return (T)-a;
    return (T)(a / b - (a % b != 0 && (a < 0) != (b < 0)));
  } else {
    if (b == 0) return a / b;
    T r = fmod_(a, b);
    T d = (a - r) / b;
    if (r != 0 && (b < 0) != (r < 0)) d -= 1;
    if (d == 0) return a / b < 0 ? -(T)0 : (T)0;
    T f = (T)floor(d);
    return d - f > (T)0.5 ? f + 1 : f;
  }
}
template <class T>
__device__ __forceinline__ T logaddexp_(T a, T b) {
  if (a == b) return a + (T)0.6931471805599453;
  T d = a - b;
  return d > 0 ? a + (T)log1p(exp(-d)) : d <= 0 ? b + (T)log1p(exp(d)) : d;
}

// An index from behind counts from the end; what is out of range is refused elsewhere.
template <class T>
__device__ __forceinline__ long long inside_(T index, long long size) {
  long long i = index;
  if (i < 0) i += size;
  return i < 0 ? 0 : i >= size ? size - 1 : i;
}

// Four numbers at a time, where they lie so.
template <class T>
struct __align__(sizeof(T) > 4 ? 16 : 4 * sizeof(T)) Four_ {
  T x[4];
};
template <class T>
__device__ __forceinline__ bool is_aligned_(const T* from) {
  return ((size_t)from & (sizeof(T) > 4 ? 15 : 4 * sizeof(T) - 1)) == 0;
}
template <class T>
__device__ __forceinline__ void load_(const T* __restrict__ from, T (&x)[4]) {
  if (is_aligned_(from)) {
    const Four_<T> four = *(const Four_<T>*)from;
#pragma unroll
    for (int k = 0; k < 4; k++) x[k] = four.x[k];
  } else {
#pragma unroll
    for (int k = 0; k < 4; k++) x[k] = from[k];
  }
}
template <class T>
__device__ __forceinline__ void store_(T* to, const T (&x)[4]) {
  if (is_aligned_(to)) {
    Four_<T> four;
#pragma unroll
    for (int k = 0; k < 4; k++) four.x[k] = x[k];
    *(Four_<T>*)to = four;
  } else {
#pragma unroll
    for (int k = 0; k < 4; k++) to[k] = x[k];
  }
}

// What joins two numbers of a reduction.
struct Plus_ {
  template <class T>
  __device__ T operator()(T a, T b) const { return (T)(a + b); }
};
struct Times_ {
  template <class T>
  __device__ T operator()(T a, T b) const { return (T)(a * b); }
};
struct Maximum_ {
  template <class T>
  __device__ T operator()(T a, T b) const { return maximum_(a, b); }
};
struct Minimum_ {
  template <class T>
  __device__ T operator()(T a, T b) const { return minimum_(a, b); }
};
struct And_ {
  template <class T>
  __device__ T operator()(T a, T b) const { return a & b; }
};
struct Or_ {
  template <class T>
  __device__ T operator()(T a, T b) const { return a | b; }
};

// What another thread has.
template <class T>
__device__ __forceinline__ T other_(T x, int by) {
  return (T)__shfl_xor_sync(0xffffffffu, x, by);
}

// Join a number of each of THREADS threads; all of them have the result. In a block of
// more than a warp they are the whole block.
template <int THREADS, class T, class Join>
__device__ __forceinline__ T joined_(T x, Join join) {
  constexpr int lanes = THREADS < 32 ? THREADS : 32;
#pragma unroll
  for (int d = lanes / 2; d; d >>= 1) x = join(x, other_(x, d));
  if constexpr (THREADS > 32) {
    constexpr int warps = THREADS / 32;
    __shared__ T shown[warps];
    if (threadIdx.x % 32 == 0) shown[threadIdx.x / 32] = x;
    __syncthreads();
    x = shown[threadIdx.x % warps];
#pragma unroll
    for (int d = warps / 2; d; d >>= 1) x = join(x, other_(x, d));
    __syncthreads();
  }
  return x;
}
"""
    + ROUNDING
)
