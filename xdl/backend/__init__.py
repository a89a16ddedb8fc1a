"""The seam: which array library computes, and on which device.

Everything above this package computes through an array namespace ``xp`` that it is
given. ``namespace(array)`` finds it by the array's type; ``device()`` says where new
arrays are made; ``asarray`` brings any input there. CuPy is imported in
``xdl.backend.cupy`` alone, on the first use of a GPU.
"""

import importlib
from typing import Any

import numpy as np

from xdl.backend import heap, refusal
from xdl.backend import numpy as _numpy
from xdl.backend.device import CPU, Device, device, usable, use_device
from xdl.errors import DeviceError, DtypeError

__all__ = [
    "CPU",
    "DEFAULT_DTYPE",
    "NAMESPACES",
    "Device",
    "asarray",
    "device",
    "device_of",
    "dtype_name",
    "is_floating",
    "namespace",
    "to_device",
    "to_numpy",
    "usable",
    "use_device",
]

heap.keep(heap.megabytes())

DEFAULT_DTYPE = "float32"
FLOATING = frozenset({"float16", "bfloat16", "float32", "float64"})
INTEGER = frozenset(
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
)

# From an array's type to the namespace that computes with it. NumPy's scalars are
# here because its reductions return them.
NAMESPACES: dict[type, Any] = {np.ndarray: _numpy}
NAMESPACES.update(
    (np.dtype(name).type, _numpy) for name in {"bool", "longlong", "ulonglong"}
)
NAMESPACES.update(
    (np.dtype(name).type, _numpy) for name in (FLOATING - {"bfloat16"}) | INTEGER
)

# The types of arrays, scalars left out, and the floating dtypes, by identity: what an
# operation takes as it is.
ARRAYS = {np.ndarray}
NUMBERS = {float, int, *(np.dtype(n).type for n in (FLOATING - {"bfloat16"}) | INTEGER)}
FLOATING_DTYPES = {np.dtype(name) for name in FLOATING - {"bfloat16"}}
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
INTEGER_DTYPES = {np.dtype(name) for name in INTEGER}

# How each kind of array that is not NumPy's is moved and placed: "to_numpy(array)",
# "from_numpy(array, device)", "device_of(array)". Filled by `register`.
_LIBRARIES: dict[Any, Any] = {}

# From the type of arrays that are changed many in one launch to what does so: see
# `xdl.backend.cuda.optim`. It is empty while no GPU is used.
TOGETHER: dict[Any, Any] = {}
_DTYPE_NAMES: dict[Any, Any] = {}

# DLPack's numbers for devices.
_CUDA_OF_DLPACK = 2
_OF_DLPACK = {1, _CUDA_OF_DLPACK}


def register(array_type, xp, library):
    """Let xdl compute on arrays of ``array_type`` with the namespace ``xp``.

    Args:
        array_type: the class of the arrays.
        xp: a namespace with the Array API's names and xdl's extras.
        library: an object with ``to_numpy(array)``, ``from_numpy(array, device)`` and
            ``device_of(array)``.
    """
    NAMESPACES[array_type] = xp
    ARRAYS.add(array_type)
    _LIBRARIES[array_type] = library


def namespace(array):
    """Return the namespace that computes on ``array``; None if it is no array."""
    xp = NAMESPACES.get(type(array))
    if xp is None and type(array).__module__.partition(".")[0] == "cupy":
        importlib.import_module("xdl.backend.cupy")
        xp = NAMESPACES.get(type(array))
    if xp is None and isinstance(array, np.ndarray):  # memmap and other subclasses
        xp = _numpy
    return xp


def dtype_name(dtype):
    """Return the plain name, such as ``"float32"``, of a dtype of any library."""
    name = _DTYPE_NAMES.get(dtype)
    if name is None:
        name = getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]
        _DTYPE_NAMES[dtype] = name
        if name == "bfloat16":  # its scalars have a class of their own, as NumPy's
            NAMESPACES[dtype.type] = _numpy
            NUMBERS.add(dtype.type)
    return name


def is_floating(array):
    """Tell whether ``array`` holds real floating-point numbers."""
    return dtype_name(array.dtype) in FLOATING


def all_finite(array):
    """Tell whether no element is NaN or infinite; it waits for a GPU."""
    xp = namespace(array)
    return bool(xp.all(xp.isfinite(array)))


def is_integer(array):
    """Tell whether ``array`` holds integers; booleans are none."""
    return array.dtype in INTEGER_DTYPES or dtype_name(array.dtype) in INTEGER


def parse_dtype(dtype):
    """Return the name of a dtype given as a name, a type or a dtype object.

    Raises:
        DtypeError: it is none of bool, the integers and the real floating dtypes.
    """
    if isinstance(dtype, str) and dtype in FLOATING:
        return dtype
    try:
        name = "None" if dtype is None else np.dtype(dtype).name
    except TypeError:
        name = dtype_name(dtype)
    if name not in FLOATING and name not in INTEGER and name != "bool":
        raise DtypeError(
            f"dtype: {name} came, needed bool, an integer or one of "
            f"{', '.join(sorted(FLOATING))}"
        )
    return name


def native_dtype(xp, name):
    """Return the dtype called ``name`` in the namespace ``xp``."""
    if name == "bfloat16":
        ml_dtypes = importlib.import_module("ml_dtypes")
        return np.dtype(ml_dtypes.bfloat16)
    return getattr(xp, name)


def device_of(array):
    """Return the Device on which ``array`` lives."""
    library = _LIBRARIES.get(type(array))
    return CPU if library is None else library.device_of(array)


def to_numpy(array):
    """Return ``array`` as a NumPy array on the host (the same object if it is one)."""
    library = _LIBRARIES.get(type(array))
    return np.asarray(array) if library is None else library.to_numpy(array)


def to_device(array, where):
    """Return ``array`` on ``where``: itself if it is there already."""
    if device_of(array) == where:
        return array
    host = to_numpy(array)
    return host if where.kind == "cpu" else _library_of(where).from_numpy(host, where)


def _library_of(where):
    if where.kind == "cuda":
        importlib.import_module("xdl.backend.cupy")
    for library in _LIBRARIES.values():
        if library.kind == where.kind:
            return library
    raise DeviceError(f"device: no array library is registered for {where}")


def cast(array, name):
    """Return ``array`` with the dtype called ``name``: itself if it has it."""
    if dtype_name(array.dtype) == name and getattr(array.dtype, "isnative", True):
        return array
    xp = namespace(array)
    return xp.astype(array, native_dtype(xp, name))


def asarray(value, where=None, dtype=None):
    """Bring numbers, lists or an array of any known library to a device.

    Args:
        value: a number, nested lists of numbers, or an array.
        where: the Device; default: where the array is, for host data ``device()``.
        dtype: name of the dtype; default: the array's own, ``DEFAULT_DTYPE`` for
            Python floats and lists of them.

    Returns:
        A plain array. It shares memory with ``value`` where no change was needed.

    Raises:
        DtypeError: the values are not real numbers or booleans.
    """
    came = value
    if type(value) in _LIBRARIES:
        where = where or device_of(value)
    elif type(value) is not np.ndarray:
        is_weak = isinstance(value, np.generic) or not hasattr(value, "__array__")
        value = from_python(value)
        if is_weak and dtype is None and value.dtype == np.float64:
            dtype = DEFAULT_DTYPE
    name, where = _checked_name(value, came), where or device()
    if where.kind == "trace":  # first, so that the cast is written down
        return cast(to_device(value, where), dtype or name)
    return to_device(cast(value, dtype or name), where)


def as_known_array(value):
    """Return ``value`` if it is an array of a known library, else as a host array.

    Raises:
        DtypeError: the values are not real numbers or booleans.
    """
    array = value if type(value) in ARRAYS else from_python(value)
    _checked_name(array, value)
    return array


def from_python(value):
    """Return numbers, nested lists or a foreign array as a host array.

    Raises:
        DtypeError: the lists are ragged, or the array hides values (a mask).
    """
    if isinstance(value, np.ndarray) and hasattr(value, "mask"):  # numpy.ma's
        raise DtypeError("asarray: a masked array came, needed one without a mask")
    if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
        value = _from_dlpack(value)
    try:
        return np.asarray(value)
    except ValueError:
        raise DtypeError(f"asarray: {refusal.reason(value)}") from None
    except (TypeError, RuntimeError) as error:  # a tensor that cannot leave its library
        raise DtypeError(
            f"asarray: {type(value).__name__} came, no array for NumPy (dtype object): "
            f"{error}"
        ) from None


def from_dlpack(value):
    """Return an array on the memory of another library's, without a copy.

    Args:
        value: an object with ``__dlpack__``, on the CPU or on a GPU of CUDA.

    Raises:
        DtypeError: it has no ``__dlpack__``; its numbers are not real.
        DeviceError: it is elsewhere, or the GPU is not usable.
    """
    if not hasattr(value, "__dlpack__"):
        raise DtypeError(
            f"from_dlpack: {type(value).__name__} came, needed an array with __dlpack__"
        )
    kind, index = value.__dlpack_device__()
    if kind not in _OF_DLPACK:
        raise DeviceError(
            f"from_dlpack: an array on DLPack's device ({int(kind)}, {index}) came, "
            "needed the CPU or CUDA"
        )
    if kind == _CUDA_OF_DLPACK:
        where = usable(f"cuda:{index}", "from_dlpack")
        array = _library_of(where).from_dlpack(value)
    else:
        try:
            array = np.from_dlpack(value)
        except RuntimeError as error:  # bfloat16, for one
            raise DtypeError(f"from_dlpack: {value.dtype} came: {error}") from None
    _checked_name(array, value)
    return array


def _from_dlpack(value):
    try:
        return np.from_dlpack(value)
    except (TypeError, AttributeError, RuntimeError, BufferError):
        return value


def _checked_name(array, value):
    """Return the name of an array's dtype; ``value`` is what the array was made of."""
    name = dtype_name(array.dtype)
    if name in FLOATING or name in INTEGER or name == "bool":
        return name
    raise DtypeError(f"asarray: {refusal.reason(value, array)}")
