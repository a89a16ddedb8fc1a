"""A stand-in for CuPy on NumPy: enough to run xdl's CUDA code without a GPU.

It is as strict as CuPy where that matters: its arrays do not become NumPy's unasked,
do not mix with them or with another device's, wrap indices that are out of range, and
stay 0-d arrays after a reduction. ``installed()`` puts it in CuPy's place.
"""

import contextlib
import importlib
import operator
import os
import sys
import types

import numpy as np

from xdl import backend
from xdl.backend.numpy import erf

GPUS = 2
_FUNCTIONS = """
    abs acos acosh add argmax argmin argsort asin asinh atan atan2 atanh
    broadcast_to ceil concat cos cosh cumprod cumsum divide equal exp expand_dims
    expm1 floor floor_divide greater greater_equal isfinite isinf isnan less
    less_equal log log10 log1p log2 logaddexp logical_and logical_not logical_or
    maximum minimum multiply negative not_equal positive power reciprocal remainder
    sign sin sinh sort sqrt square stack subtract tan tanh tril triu where
"""
NUMBERS = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)
_BINARY = "add sub mul truediv floordiv mod pow lt le gt ge eq ne and or"
_METHODS = (
    "reshape transpose astype copy view squeeze ravel sum prod max min all any round"
)
# What add.at takes where an index array is among the index.
_ATOMIC = {"int32", "float16", "float32", "float64", "uint32", "uint64"}

current = 0  # the number of the current GPU
waits = []  # one entry for each time that the host waited for a result


class ndarray:  # noqa: N801  (CuPy's name)
    """An array that stays on its GPU."""

    __module__ = "cupy"
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, host, base=None):
        self.host = np.asarray(host)
        self.base = base
        self.device = Device(current)
        self.data = types.SimpleNamespace(device_id=current)

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    strides = property(lambda self: self.host.strides)
    mT = property(lambda self: _wrap(self.host.mT, self))  # noqa: N815

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return _wrap(getattr(ufunc, method)(*map(_unwrap, inputs), **options))

    def __getitem__(self, index):
        return _wrap(self.host[_wrapped_index(self, index)], self)

    def __setitem__(self, index, value):
        """Write backwards: duplicates are written in no order that one may count on."""
        index, value = _wrapped_index(self, index), _unwrap(value)
        kinds = {getattr(part, "dtype", np.dtype(bool)).kind for part in index}
        if np.ndim(value) == 1 and kinds <= set("iu"):
            index, value = tuple(part[::-1] for part in index), value[::-1]
        self.host[index] = value

    def __len__(self):
        return len(self.host)

    def take(self, indices, axis):
        return _wrap(self.host.take(_unwrap(indices), axis, mode="wrap"))

    def get(self):
        waits.append("get")
        return self.host.copy()

    def item(self):
        waits.append("item")
        return self.host.item()

    __bool__ = lambda self: bool(self.item())  # noqa: E731
    __float__ = lambda self: float(self.item())  # noqa: E731
    __int__ = lambda self: int(self.item())  # noqa: E731


class Device:
    """A GPU, by its number."""

    mem_info = (1, 1)

    def __init__(self, number=0):
        self.id = number
        self.before = []

    def use(self):
        global current
        current = self.id

    def __enter__(self):
        self.before.append(current)
        self.use()

    def __exit__(self, *exception):
        Device(self.before.pop()).use()


class CUDARuntimeError(RuntimeError):
    """What CUDA's own calls raise."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def _unwrap(value):
    if isinstance(value, ndarray):
        if value.device.id != current:
            raise ValueError(f"array device {value.device.id} while current {current}")
        return value.host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return [_unwrap(item) for item in value] if isinstance(value, list) else value


def _wrap(result, source=None):
    if not isinstance(result, np.ndarray | np.generic):
        return result
    is_view = isinstance(result, np.ndarray) and result.base is not None
    return ndarray(result, source if is_view else None)


def _lifted(function):
    def call(*arguments, **options):
        arguments = [list(a) if isinstance(a, tuple) else a for a in arguments]
        axes = {k: _unwrap(v) for k, v in options.items()}
        source = next((a for a in arguments if isinstance(a, ndarray)), None)
        with np.errstate(all="ignore"):
            return _wrap(function(*map(_unwrap, arguments), **axes), source)

    return call


def _method(name):
    def call(self, *arguments, **options):
        with np.errstate(all="ignore"):
            return _wrap(getattr(_unwrap(self), name)(*arguments, **options), self)

    return call


def _operator(name, is_reflected=False):
    function = getattr(operator, {"and": "and_", "or": "or_"}.get(name, name))

    def call(self, other):
        if type(other).__name__ == "Variable":
            return NotImplemented
        operands = (_unwrap(other), _unwrap(self))
        with np.errstate(all="ignore"):
            return _wrap(function(*(operands if is_reflected else operands[::-1])))

    return call


def _in_place(name):
    function = getattr(operator, name)

    def call(self, other):
        self.host = function(self.host, _unwrap(other))
        return self

    return call


for _name in _METHODS.split():
    setattr(ndarray, _name, _method(_name))
for _name in _BINARY.split():
    setattr(ndarray, f"__{_name}__", _operator(_name))
    setattr(ndarray, f"__r{_name}__", _operator(_name, is_reflected=True))
for _name in ("iadd", "isub", "imul", "itruediv"):
    setattr(ndarray, f"__{_name}__", _in_place(_name))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", _lifted(getattr(operator, _name)))


def _wrapped_index(array, index):
    """Return an index for NumPy with every index array modulo its axis, as in CuPy."""
    parts = index if isinstance(index, tuple) else (index,)
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    result, axis = [], 0
    for part in parts:
        if isinstance(part, ndarray):
            part = _unwrap(part)
            if part.dtype.kind in "iu" and axis < array.ndim and array.shape[axis]:
                part = part % array.shape[axis]
        result.append(part)
        axis += array.ndim - taken if part is Ellipsis else part is not None
    return tuple(result)


def _matmul(x1, x2):
    if x1.dtype.itemsize == 2 and not x1.ndim == x2.ndim == 2:
        raise TypeError("matmul: 16-bit stacks are wrong or slow in CuPy 14.2")
    return np.matmul(x1, x2).astype(x1.dtype, copy=False)


def _take_along_axis(x, indices, axis):
    return np.take_along_axis(x, indices % x.shape[axis], axis)


def _scatter_add(array, index, value):
    parts = index if isinstance(index, tuple) else (index,)
    has_array = any(isinstance(part, ndarray) for part in parts)
    if has_array and array.dtype.name not in _ATOMIC:
        raise TypeError(f"scatter_add only supports {_ATOMIC}, not {array.dtype}")
    np.add.at(array.host, _wrapped_index(array, index), _unwrap(value))


def _scatter_max(array, index, value):
    assert array.dtype.name in _ATOMIC
    np.maximum.at(array.host, _wrapped_index(array, index), _unwrap(value))


def _asarray(value):
    return value if isinstance(value, ndarray) else ndarray(np.array(value))


def _cuda():
    runtime = types.SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        getDeviceCount=lambda: GPUS,
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 13020,
    )
    return types.SimpleNamespace(
        runtime=runtime,
        Device=Device,
        nvrtc=types.SimpleNamespace(getVersion=lambda: (13, 0)),
        device=types.SimpleNamespace(get_cublas_handle=lambda: 1),
    )


def _modules():
    cupy, cupyx = types.ModuleType("cupy"), types.ModuleType("cupyx")
    for name in _FUNCTIONS.split():
        setattr(cupy, name, _lifted(getattr(np, name)))
    for name in (*NUMBERS, "bool_"):
        setattr(cupy, name, getattr(np, name))
    for name in ("zeros", "ones", "full", "arange"):
        setattr(cupy, name, _lifted(getattr(np, name)))
    cupy.matmul = _lifted(_matmul)
    tricks = types.SimpleNamespace(as_strided=_lifted(np.lib.stride_tricks.as_strided))
    cupy.lib = types.SimpleNamespace(stride_tricks=tricks)
    cupy.take_along_axis = _lifted(_take_along_axis)
    cupy.asarray = _asarray
    cupy.ndarray = ndarray
    cupy.cuda = _cuda()
    cupy.add.at, cupy.maximum.at = _scatter_add, _scatter_max
    cupyx.scipy = types.ModuleType("cupyx.scipy")
    cupyx.scipy.special = types.ModuleType("cupyx.scipy.special")
    cupyx.scipy.special.erf = _lifted(erf)
    parts = cupyx, cupyx.scipy, cupyx.scipy.special
    return {"cupy": cupy, **{part.__name__: part for part in parts}}


def _environment():
    """Return what XDL_DEVICE was found to mean (``backend.device`` is a function)."""
    return sys.modules["xdl.backend.device"]._environment


@contextlib.contextmanager
def installed():
    """Put this in the place of CuPy, and take every trace of it away at the end.

    Yields:
        The module ``cupy`` whose parts a test may replace.
    """
    name = "xdl.backend.cupy"
    modules = _modules()
    before = {key: sys.modules.pop(key, None) for key in (*modules, name)}
    stores = (backend.NAMESPACES, backend._LIBRARIES, backend.TOGETHER, _environment())
    saved = [(store, dict(store)) for store in stores]
    arrays = set(backend.ARRAYS)
    for array_type in [t for t in backend._LIBRARIES if t.__module__ == "cupy"]:
        del backend.NAMESPACES[array_type], backend._LIBRARIES[array_type]
    _environment().clear()
    sys.modules.update(modules)
    kernels = os.environ.get("XDL_CUDA_KERNELS")
    os.environ["XDL_CUDA_KERNELS"] = "0"  # no kernel runs here
    try:
        yield importlib.import_module("cupy")
    finally:
        os.environ.pop("XDL_CUDA_KERNELS")
        if kernels is not None:
            os.environ["XDL_CUDA_KERNELS"] = kernels
        Device(0).use()
        waits.clear()
        for store, contents in saved:
            store.clear()
            store.update(contents)
        backend.ARRAYS &= arrays
        for key, module in before.items():
            sys.modules.pop(key, None)
            if module is not None:
                sys.modules[key] = module
        vars(backend).pop("cupy", None)
        if before[name] is not None:
            backend.cupy = before[name]
