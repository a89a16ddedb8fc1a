"""Matrix products by cuBLAS itself, which a CUDA graph may hold; CuPy's it may not.

A product is planned once for arrays that stay where they are, and called as often as
one likes. Operands are read as they lie: what is transposed is said to cuBLAS, stacks
of any strides are told by the addresses of their matrices.

Reference: NVIDIA, "cuBLAS Library", cublasGemmStridedBatchedEx, cublasGemmBatchedEx and
cublasSetWorkspace.
"""

import contextlib
import ctypes
import functools
import importlib
import itertools
import math

import numpy as np

_SIZE = 32 << 20  # bytes: of the workspace that NVIDIA recommends for Hopper
_TYPES = {"float32": (0, 68), "float64": (1, 70), "float16": (2, 68)}
_TYPES["bfloat16"] = (14, 68)  # (cudaDataType, cublasComputeType)
# Of float32 that was rounded: tensor cores multiply it, and lose nothing.
_OF_ROUNDED = {"tfloat32": 77, "float16": 74, "bfloat16": 75}
_PLAIN, _TURNED = 0, 1  # CUBLAS_OP_N, CUBLAS_OP_T
_NAMES = ("libcublas.so.13", "libcublas.so.12")


def _library():
    """Load cuBLAS: where CuPy finds it, else by its name."""
    with contextlib.suppress(ImportError, RuntimeError):
        pathfinder = importlib.import_module("cuda.pathfinder")
        return ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("cublas").abs_path)
    for name in _NAMES:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    return ctypes.CDLL(_NAMES[0])


@functools.cache
def products(cupy, rounded=None):
    """Return the Products of this process, of what was rounded to such numbers."""
    return Products(cupy, rounded)


class Products:
    """Plans products on one GPU.

    Args:
        cupy: the module.
        rounded: what all float32 operands were rounded to: "tfloat32", "bfloat16" or
            "float16"; None: to nothing.
    """

    def __init__(self, cupy, rounded=None):
        self._of_single = _OF_ROUNDED.get(rounded, 68)
        self._cupy, self._cublas = cupy, _library()
        self._handle, self._of_stream = ctypes.c_void_p(), None
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._alive: list[object] = []  # what cuBLAS works in
        # The factors 1 and 0, in host memory that lives as long as the plans.
        self._factors = {
            68: (ctypes.c_float(1), ctypes.c_float(0)),
            70: (ctypes.c_double(1), ctypes.c_double(0)),
        }

    def _call(self, name, *given):
        status = getattr(self._cublas, name)(*given)
        if status:
            raise RuntimeError(f"{name}: cuBLAS status {status}")

    def takes(self, *arrays):
        """Tell whether arrays are of one dtype that cuBLAS multiplies."""
        names = {array.dtype.name for array in arrays}
        return len(names) == 1 and names <= _TYPES.keys()

    def planned(self, a, b, out, tables=True):
        """Return a function that writes ``a @ b`` into ``out`` on the current stream.

        Args:
            a, b, out: stacks of matrices (..., m, k), (..., k, n) and (..., m, n), of
                one dtype that ``takes`` knows; none of length 0.
            tables: whether the addresses of matrices may be sent to the GPU now: not
                while a graph is captured.
        """
        if out.strides[-1] != out.itemsize and out.shape[-1] != 1:
            if out.strides[-2] != out.itemsize:
                return self._by_copy(a, b, out, tables)
            a, b, out = b.mT, a.mT, out.mT
        a, b = (self._spread(x, out.ndim, out.shape[:-2]) for x in (a, b))
        before, lying = [], []
        for x in (b, a):  # cuBLAS counts columns first: out.T = b.T @ a.T
            how = _lies(x)
            if how is None:
                dense = self._cupy.empty(x.shape, x.dtype)
                before.append((dense, x))
                x, how = dense, _lies(dense)
            lying.append((x, *how))
        multiply = self._multiplied(lying, out, tables)
        if not before:
            return multiply

        def product():
            for dense, x in before:
                dense[...] = x
            multiply()

        return product

    def _by_copy(self, a, b, out, tables):
        dense = self._cupy.empty(out.shape, out.dtype)
        multiply = self.planned(a, b, dense, tables)

        def product():
            multiply()
            out[...] = dense

        return product

    def _spread(self, x, axes, stack):
        """Return a stack broadcast to the stack of a result."""
        return self._cupy.broadcast_to(x, (*stack, *x.shape[-2:])) if axes > 2 else x

    def _multiplied(self, lying, out, tables):
        (b, *_), (a, *_) = lying
        stacks = [x.strides[:-2] for x in (b, a, out)]
        parts = merged(out.shape[:-2], stacks)
        if len(parts) > 1 and tables:
            kept = [self._addresses(x, parts, i) for i, x in enumerate((b, a, out))]
            counts = (math.prod(count for count, *_ in parts),)
            given = self._given(lying, out, kept, (), counts)
            return self._launch("cublasGemmBatchedEx", given, (b, a, out, *kept))
        count, *steps = parts[-1] if parts else (1, 0, 0, 0)
        steps = [ctypes.c_longlong(step // out.itemsize) for step in steps]
        launches = []
        for offsets in _offsets(parts[:-1]):
            places = list(zip((b, a, out), offsets, strict=True))
            given = self._given(lying, out, places, steps, (count,))
            launches.append(self._launch("cublasGemmStridedBatchedEx", given))
        return launches[0] if len(launches) == 1 else _each(launches)

    def _given(self, lying, out, places, steps, counts):
        """Return the arguments of one of cuBLAS's functions, behind the handle.

        Args:
            lying: (array, operation, distance of its lines) of b and a.
            out: the result.
            places: of b, a and the result: an array, or one and an offset.
            steps: between the matrices of each, or nothing.
            counts: how many of them there are.
        """
        (m, n), k = out.shape[-2:], lying[1][0].shape[-1]
        kind, compute = _TYPES[out.dtype.name]
        one, zero = map(ctypes.byref, self._factors[compute])
        if out.dtype.name == "float32":
            compute = self._of_single
        line = max(n, out.strides[-2] // out.itemsize) if m > 1 else n
        lines = [lying[0][2], lying[1][2], line]
        told = []
        for i, place in enumerate(places):
            at = _at(*place) if isinstance(place, tuple) else _at(place)
            told.append((at, kind, lines[i], *steps[i : i + 1]))
        sizes = lying[0][1], lying[1][1], n, m, k, one
        # The algorithm is cuBLAS's own choice.
        return (*sizes, *told[0], *told[1], zero, *told[2], *counts, compute, -1)

    def _addresses(self, x, parts, which):
        """Return the addresses of the matrices of a stack, on the GPU."""
        found = [x.data.ptr + offsets[which] for offsets in _offsets(parts)]
        return self._cupy.asarray(found, "uint64")

    def _launch(self, name, given, alive=()):
        cublas, handle = getattr(self._cublas, name), self._handle
        given = [ctypes.c_int(x) if type(x) is int else x for x in given]
        current = self._cupy.cuda.get_current_stream

        def launch(alive=alive):
            self._use(current().ptr)
            status = cublas(handle, *given)
            if status:
                raise RuntimeError(f"{name}: cuBLAS status {status}")

        return launch

    def _use(self, stream):
        """Have cuBLAS work on a stream, with memory that no other stream works in.

        While a graph is made that is memory of its own pool, of which nobody else gets
        any: so graphs may be launched side by side.
        """
        if stream != self._of_stream:
            self._call("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream))
            space = self._cupy.empty(_SIZE, "uint8")
            given = ctypes.c_void_p(space.data.ptr), ctypes.c_size_t(_SIZE)
            self._call("cublasSetWorkspace_v2", self._handle, *given)
            self._alive[:] = [space]
            self._of_stream = stream


def as_matrices(a, b, out):
    """Return operands of ``matmul`` and its result as stacks of matrices."""
    if a.ndim == 1:
        a, out = a[None], out[..., None, :] if b.ndim > 1 else out[..., None]
    if b.ndim == 1:
        b, out = b[:, None], out[..., None]
    if b.ndim == 2 < a.ndim and a.flags.c_contiguous and out.flags.c_contiguous:
        return a.reshape(-1, a.shape[-1]), b, out.reshape(-1, out.shape[-1])
    return a, b, out


class OwnProducts:
    """CuPy, with products by cuBLAS itself.

    Args:
        cupy: the module.
        products: the Products.
    """

    def __init__(self, cupy, products):
        self._cupy, self._products = cupy, products

    def __getattr__(self, name):
        return getattr(self._cupy, name)

    def matmul(self, a, b, out=None):
        """Multiply two stacks of matrices of one dtype."""
        if out is None:
            shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            out = self._cupy.empty((*shape, a.shape[-2], b.shape[-1]), a.dtype)
        if not (a.size and b.size):
            out.fill(0)
            return out
        self._products.planned(*as_matrices(a, b, out), tables=False)()
        return out


def _at(x, offset=0):
    return ctypes.c_void_p(x.data.ptr + offset)


def _offsets(parts):
    """Yield by how many bytes each matrix of three stacks lies behind the first one."""
    for numbers in itertools.product(*[range(count) for count, *_ in parts]):
        pairs = list(zip(numbers, parts, strict=True))
        yield [sum(i * part[1 + which] for i, part in pairs) for which in range(3)]


def _each(launches):
    def launch():
        for one in launches:
            one()

    return launch


def _lies(x):
    """Return (operation, distance of rows or columns) of a matrix; None: neither."""
    rows, columns = x.shape[-2:]
    down, along = (stride // x.itemsize for stride in x.strides[-2:])
    if (along == 1 or columns == 1) and (rows == 1 or down >= columns):
        return _PLAIN, max(down if rows > 1 else columns, 1)
    if (down == 1 or rows == 1) and (columns == 1 or along >= rows):
        return _TURNED, max(along if columns > 1 else rows, 1)
    return None


def merged(lengths, strides):
    """Return (length, stride of each stack) of axes, as few as there can be."""
    parts: list[list[int]] = []
    for length, *steps in zip(lengths, *strides, strict=True):
        if length == 1:
            continue
        if parts and parts[-1][1:] == [step * length for step in steps]:
            parts[-1] = [parts[-1][0] * length, *steps]
        else:
            parts.append([length, *steps])
    return parts
