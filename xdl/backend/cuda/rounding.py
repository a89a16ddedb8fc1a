"""Rounding float32 to fewer digits on a GPU, and products of what was rounded."""

import functools

from xdl.backend.cuda.products import OwnProducts, products

ROUNDING = r"""
// Rounded to so many binary digits fewer, to even; NaN stays.
template <int DIGITS>
__device__ __forceinline__ float without_(float a) {
  const unsigned bits = __float_as_uint(a);
  const unsigned more = bits + ((1u << (DIGITS - 1)) - 1) + ((bits >> DIGITS) & 1);
  return a != a ? a : __uint_as_float(more & ~((1u << DIGITS) - 1));
}
__device__ __forceinline__ float round_to_tfloat32_(float a) { return without_<13>(a); }
__device__ __forceinline__ float round_to_bfloat16_(float a) { return without_<16>(a); }
// float16 counts in steps of 2**-24 below 2**-14, the distance of floats above 0.5.
__device__ __forceinline__ float round_to_float16_(float a) {
  const float size = fabsf(a);
  const float y = size < 6.103515625e-05f ? (size + 0.5f) - 0.5f : without_<13>(size);
  return copysignf(y > 65504.0f ? __uint_as_float(0x7f800000u) : y, a);
}
"""


def roundings(cupy):
    """Return functions that round CuPy's arrays to TF32, bfloat16 and float16."""
    names = "round_to_tfloat32", "round_to_bfloat16", "round_to_float16"
    return [functools.partial(_rounded, cupy, name) for name in names]


def _rounded(cupy, name, x):
    return _kernel(cupy, name)(x)


@functools.cache
def _kernel(cupy, name):
    return cupy.ElementwiseKernel(
        "float32 x", "float32 y", f"y = {name}_(x)", f"xdl_{name}", preamble=ROUNDING
    )


class TensorCores:
    """Products of what was rounded to fewer digits.

    Args:
        cupy: the module.
    """

    def __init__(self, cupy):
        self._cupy = cupy

    def matmul(self, name, x1, x2):
        """Multiply stacks of matrices, rounded to "tfloat32", "bfloat16" or such."""
        if x1.ndim < 2 or x2.ndim < 2:
            return self._cupy.matmul(x1, x2)
        return OwnProducts(self._cupy, products(self._cupy, name)).matmul(x1, x2)
