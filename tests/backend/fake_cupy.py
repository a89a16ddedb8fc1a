"""A stand-in for CuPy on NumPy: what no host GPU shows, and enough to come to it.

Two GPUs, drivers and libraries that are missing, forks, on any system. Arithmetic on a
GPU is for the host GPU to show (docs/gpu.md). ``installed()`` puts it in CuPy's place.
"""

import contextlib
import importlib
import sys
import types

import numpy as np

from xdl import backend

GPUS = 2
_FUNCTIONS = """
    abs acos acosh add argmax argmin argsort asin asinh atan atan2 atanh
    broadcast_to ceil concat cos cosh cumprod cumsum divide equal exp expand_dims
    expm1 floor floor_divide greater greater_equal isfinite isinf isnan less
    less_equal log log10 log1p log2 logaddexp logical_and logical_not logical_or
    maximum minimum multiply negative not_equal positive power reciprocal remainder
    sign sin sinh sort sqrt square stack subtract tan tanh tril triu where
    zeros ones full arange
"""
_NUMBERS = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)

current = 0  # the number of the current GPU


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

    def astype(self, dtype, copy=True):
        return ndarray(self.host.astype(dtype, copy=copy))

    def copy(self):
        return ndarray(self.host.copy())

    def get(self):
        return self.host.copy()

    def __add__(self, other):
        return ndarray(self.host + _unwrap(other))

    def __mul__(self, other):
        return ndarray(self.host * _unwrap(other))


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
    if isinstance(value, ndarray) and value.device.id != current:
        raise ValueError(f"array device {value.device.id} while current {current}")
    return value.host if isinstance(value, ndarray) else value


def _lifted(function):
    def call(*arguments, **options):
        return ndarray(function(*map(_unwrap, arguments), **options))

    return call


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
    for name in (*_NUMBERS, "bool_"):
        setattr(cupy, name, getattr(np, name))
    cupy.asarray = _asarray
    cupy.ndarray = ndarray
    cupy.cuda = _cuda()
    scipy = types.ModuleType("cupyx.scipy")
    scipy.special = types.SimpleNamespace()
    return {"cupy": cupy, "cupyx": cupyx, scipy.__name__: scipy}


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
    try:
        yield importlib.import_module("cupy")
    finally:
        Device(0).use()
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
