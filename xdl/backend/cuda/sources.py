"""The CUDA C++ of ``xdl.backend.cuda.kernels``, for REAL float or double."""

import math

from xdl.backend.cuda import layer_sources as cuda_layers

TYPES = {
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
}

# NaN wins, as in a maximum of arrays.
_ROWS = r"""
static __device__ REAL greater(REAL a, REAL b) {
  return a != a || a > b ? a : b;
}
#define NAN_OF ((REAL)0 / (REAL)0)
static __device__ REAL sum_of(REAL a, REAL b) { return a + b; }
#define OVER_BLOCK(name, both)                                      \
static __device__ REAL name(REAL x) {                               \
  __shared__ REAL shared[1024];                                     \
  __syncthreads();                                                  \
  shared[threadIdx.x] = x;                                          \
  __syncthreads();                                                  \
  for (int half = blockDim.x / 2; half; half /= 2) {                \
    if (threadIdx.x < half)                                         \
      shared[threadIdx.x] =                                         \
          both(shared[threadIdx.x], shared[threadIdx.x + half]);    \
    __syncthreads();                                                \
  }                                                                 \
  return shared[0];                                                 \
}
OVER_BLOCK(greatest, greater)
OVER_BLOCK(total, sum_of)
#define EACH_ROW long long row = blockIdx.x; row < rows; row += gridDim.x
#define EACH long long i = threadIdx.x; i < length; i += blockDim.x
"""

_CROSS_ENTROPY = r"""
extern "C" __global__ void xdl_cross_entropy(
    const REAL* x, const INDEX* target, long long rows, long long length,
    REAL* shifted, REAL* sums, REAL* loss) {
  for (EACH_ROW) {
    const REAL* at = x + row * length;
    REAL top = at[0], sum = 0;
    for (EACH) top = greater(top, at[i]);
    top = greatest(top);
    for (EACH) {
      REAL less = at[i] - top;
      shifted[row * length + i] = less;
      sum += exp(less);
    }
    sum = total(sum);
    if (!threadIdx.x) {
      long long label = target[row];
      bool is_class = label >= 0 && label < length;  // a check may still wait
      sums[row] = sum;
      loss[row] = is_class ? log(sum) - (at[label] - top) : NAN_OF;
    }
  }
}
"""
_CROSS_ENTROPY_GRADIENT = r"""
extern "C" __global__ void xdl_cross_entropy_gradient(
    const REAL* gy, long long step, REAL divisor, const REAL* shifted,
    const REAL* sums, const INDEX* target, long long rows, long long length,
    REAL* gx) {
  for (EACH_ROW) {
    REAL g = gy[row * step] / divisor, sum = sums[row];
    long long label = target[row];
    if (label < 0 || label >= length) g = NAN_OF;
    for (EACH) {
      REAL p = exp(shifted[row * length + i]) / sum;
      gx[row * length + i] = (i == label ? p - 1 : p) * g;
    }
  }
}
"""
_SOFTMAX = r"""
extern "C" __global__ void xdl_softmax(
    const REAL* x, long long rows, long long length, REAL* y) {
  for (EACH_ROW) {
    const REAL* at = x + row * length;
    REAL top = at[0], sum = 0;
    for (EACH) top = greater(top, at[i]);
    top = greatest(top);
    for (EACH) {
      REAL e = exp(at[i] - top);
      y[row * length + i] = e;
      sum += e;
    }
    sum = total(sum);
    for (EACH) y[row * length + i] /= sum;
  }
}
"""
_SOFTMAX_GRADIENT = r"""
extern "C" __global__ void xdl_softmax_gradient(
    const REAL* gy, const REAL* y, long long rows, long long length, REAL* gx) {
  for (EACH_ROW) {
    REAL sum = 0;
    for (EACH) sum += y[row * length + i] * gy[row * length + i];
    sum = total(sum);
    for (EACH) {
      REAL p = y[row * length + i];
      gx[row * length + i] = p * gy[row * length + i] - p * sum;
    }
  }
}
"""
_LAYER_NORM = r"""
extern "C" __global__ void xdl_layer_norm(
    const REAL* x, const REAL* weight, const REAL* bias, long long rows,
    long long length, double eps, long long centres, REAL* y, REAL* centred,
    REAL* scales) {
  REAL part = (REAL)1 / length;
  for (EACH_ROW) {
    const REAL* at = x + row * length;
    REAL mean = 0, squares = 0;
    if (centres) {
      for (EACH) mean += at[i];
      mean = total(mean) * part;
    }
    for (EACH) {
      REAL c = at[i] - mean;
      squares += c * c;
    }
    REAL scale = 1 / sqrt(total(squares) * part + (REAL)eps);
    for (EACH) {
      REAL c = at[i] - mean, z = c * scale;
      if (centres) centred[row * length + i] = c;
      if (weight) z *= weight[i];
      if (bias) z += bias[i];
      y[row * length + i] = z;
    }
    if (!threadIdx.x) scales[row] = scale;
  }
}
"""
_LAYER_NORM_GRADIENT = r"""
extern "C" __global__ void xdl_layer_norm_gradient(
    const REAL* gy, const REAL* weight, const REAL* centred, const REAL* scales,
    long long rows, long long length, long long centres, REAL* gx) {
  REAL part = (REAL)1 / length;
  for (EACH_ROW) {
    const REAL* g = gy + row * length;
    const REAL* c = centred + row * length;
    REAL along = 0, mean = 0, scale = scales[row];
    for (EACH) {
      REAL one = weight ? g[i] * weight[i] : g[i];
      along += one * c[i];
      mean += one;
    }
    along = total(along) * part * (scale * scale);
    mean = centres ? total(mean) * part : 0;
    for (EACH) {
      REAL one = weight ? g[i] * weight[i] : g[i];
      gx[row * length + i] = (c[i] * along - one + mean) * -scale;
    }
  }
}
"""
# Blocks of 32 columns and 8 rows at a time; each slice of rows leaves one sum.
_COLUMNS = r"""
extern "C" __global__ void xdl_columns(
    const REAL* gy, const REAL* centred, const REAL* scales, long long rows,
    long long length, long long slices, long long wants_bias, REAL* parts) {
  __shared__ REAL products[8][33];
  __shared__ REAL plain[8][33];
  long long i = (long long)blockIdx.x * 32 + threadIdx.x;
  REAL product = 0, sum = 0;
  if (i < length)
    for (long long row = blockIdx.y * 8 + threadIdx.y; row < rows;
         row += slices * 8) {
      REAL g = gy[row * length + i];
      product += g * centred[row * length + i] * scales[row];
      sum += g;
    }
  products[threadIdx.y][threadIdx.x] = product;
  plain[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y || i >= length) return;
  for (int k = 1; k < 8; k++) {
    product += products[k][threadIdx.x];
    sum += plain[k][threadIdx.x];
  }
  parts[blockIdx.y * length + i] = product;
  if (wants_bias) parts[(slices + blockIdx.y) * length + i] = sum;
}
"""
_FOLD = r"""
extern "C" __global__ void xdl_fold(
    const REAL* parts, long long length, long long slices, REAL* gweight,
    REAL* gbias) {
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= length) return;
  REAL product = 0, sum = 0;
  for (long long k = 0; k < slices; k++) {
    product += parts[k * length + i];
    if (gbias) sum += parts[(slices + k) * length + i];
  }
  gweight[i] = product;
  if (gbias) gbias[i] = sum;
}
"""
_ADD_ROWS = r"""
extern "C" __global__ void xdl_add_rows(
    const REAL* rows, const INDEX* indices, long long count, long long width,
    long long length, REAL* y) {
  long long stride = (long long)gridDim.x * blockDim.x;
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (; i < count; i += stride) {
    long long row = indices[i / width];
    if (row >= 0 && row < length) atomicAdd(y + row * width + i % width, rows[i]);
  }
}
"""
# Philox 4x64-10, whose counter NumPy raises before it draws: four words a count.
_PHILOX = r"""
typedef unsigned long long word;
static __device__ void philox(word count, word key0, word key1, word number,
                              word* drawn) {
  word a = count + 1, b = 0, c = number, d = 0;
  for (int i = 0; i < 10; i++) {
    word low0 = a * 0xD2E7470EE14C6C93ull, low1 = c * 0xCA5A826395121157ull;
    word high0 = __umul64hi(a, 0xD2E7470EE14C6C93ull);
    word high1 = __umul64hi(c, 0xCA5A826395121157ull);
    a = high1 ^ b ^ key0, b = low1, c = high0 ^ d ^ key1, d = low0;
    key0 += 0x9E3779B97F4A7C15ull, key1 += 0xBB67AE8584CAA73Bull;
  }
  drawn[0] = a, drawn[1] = b, drawn[2] = c, drawn[3] = d;
}
"""
_DROPOUT = r"""
extern "C" __global__ void xdl_dropoutWIDTH(
    const REAL* x, long long size, REAL scale, unsigned least, word key0, word key1,
    word number, REAL* y, bool* mask) {
  word count = (word)blockIdx.x * blockDim.x + threadIdx.x, drawn[4];
  long long first = count * (256 / WIDTH);
  if (first >= size) return;
  philox(count, key0, key1, number, drawn);
  #pragma unroll
  for (int k = 0; k < 256 / WIDTH; k++) {
    unsigned bits = drawn[k * WIDTH / 64] >> k * WIDTH % 64 & MASK;
    if (first + k >= size) return;
    bool stays = bits >= least;
    mask[first + k] = stays;
    y[first + k] = stays ? x[first + k] * scale : (REAL)0;
  }
}
"""
_BITS = r"""
extern "C" __global__ void xdl_bitsWIDTH(
    long long size, word key0, word key1, word number, unsigned TYPE* y) {
  word count = (word)blockIdx.x * blockDim.x + threadIdx.x, drawn[4];
  long long first = count * (256 / WIDTH);
  if (first >= size) return;
  philox(count, key0, key1, number, drawn);
  #pragma unroll
  for (int k = 0; k < 256 / WIDTH; k++)
    if (first + k < size)
      y[first + k] = drawn[k * WIDTH / 64] >> k * WIDTH % 64 & MASK;
}
"""
_RAW = {
    "cross_entropy": _ROWS + _CROSS_ENTROPY,
    "cross_entropy_gradient": _ROWS + _CROSS_ENTROPY_GRADIENT,
    "softmax": _ROWS + _SOFTMAX,
    "softmax_gradient": _ROWS + _SOFTMAX_GRADIENT,
    "layer_norm": _ROWS + _LAYER_NORM,
    "layer_norm_gradient": _ROWS + _LAYER_NORM_GRADIENT,
    "columns": _COLUMNS,
    "fold": _FOLD,
    "add_rows": _ADD_ROWS,
    **cuda_layers.RAW,
}
for _width, _type in ((16, "short"), (32, "int")):
    _words = {"WIDTH": str(_width), "TYPE": _type, "MASK": f"{2**_width - 1}u"}
    for _name, _text in (("dropout", _DROPOUT), ("bits", _BITS)):
        for _word, _meant in _words.items():
            _text = _text.replace(_word, _meant)
        _RAW[f"{_name}{_width}"] = _PHILOX + _text

_ROOT, _CUBIC, _LEVEL = math.sqrt(2 / math.pi), 0.044715, 22.0
ELEMENTWISE = {
    "kept": "y = mask ? x * scale : (T)0;",
    "gelu": f"""
        part = (erf(x * (T){math.sqrt(0.5)!r}) + 1) * (T)0.5;
        y = x * part;
    """,
    "gelu_gradient": f"""
        T slope = exp(x * x * (T)-0.5) * x * (T){1 / math.sqrt(2 * math.pi)!r};
        gx = (slope + part) * gy;
    """,
    "gelu_tanh": f"""
        T inner = (x * x * (T){2 * _CUBIC * _ROOT!r} + (T){2 * _ROOT!r}) * x;
        T z = exp(inner > 88 ? (T)88 : inner);
        part = z / (z + 1);
        y = x * part;
    """,
    "gelu_tanh_gradient": f"""
        T z = x < -{_LEVEL} ? (T)-{_LEVEL} : x > {_LEVEL} ? (T){_LEVEL} : x;
        T slope = (z * z * (T){6 * _CUBIC * _ROOT!r} + (T){2 * _ROOT!r}) * z;
        gx = (slope * (1 - part) + 1) * part * gy;
    """,
}


def text(name, words):
    """Return the source of a kernel with words in the place of others (REAL)."""
    source = _RAW[name]
    for word, meant in words.items():
        source = source.replace(word, meant)
    return source
