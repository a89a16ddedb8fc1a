"""Data follows the model: how the inputs of an operation are brought together.

A Variable is firm in its device and floating dtype. Numbers, raw arrays and what was
computed from raw arrays alone are data: they take the device and floating dtype of
the firm Variables that they meet.
"""

import numbers

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.core.variable import Variable
from xdl.errors import DeviceError, DtypeError, ShapeError

_WIDTH = {"float16": 0, "bfloat16": 1, "float32": 2, "float64": 3}


def is_data(value):
    """Tell whether an input is data rather than a firm Variable."""
    return not isinstance(value, Variable) or getattr(value, "_is_data", False)


def prepare(op, inputs):
    """Return the namespace and the arrays, numbers and None for ``op.compute``.

    Raises:
        DtypeError: two firm Variables of two floating dtypes; integers where the
            operation needs floating numbers; values that are not numbers.
        DeviceError: two firm Variables on two devices.
    """
    arrays = _ready(op, inputs) or _brought_together(op, inputs)
    for array in arrays:
        xp = NAMESPACES.get(type(array))
        if xp is not None:
            return xp, arrays
    raise ShapeError(f"{op}: no array came, needed at least one")


def _ready(op, inputs):
    """Return the arrays if they fit as they are: one library, one floating dtype."""
    arrays = []
    library = dtype = None
    roles = op.takes_part
    if len(inputs) > len(roles):
        if not op.is_variadic:
            op.names_for(inputs)  # refuses them
        roles += roles[-1:] * (len(inputs) - len(roles))
    for value, takes_part in zip(inputs, roles, strict=False):
        array = value._value if type(value) is Variable else value
        kind = type(array)
        if kind is float or kind is int:
            if not op.takes_numbers:
                return None
        elif array is None:
            if len(arrays) < op.required:
                return None
        else:
            if library is None:
                if kind not in backend.ARRAYS:
                    return None
                library = kind
            elif kind is not library:
                return None
            if takes_part and array.dtype is not dtype:
                if dtype is not None or array.dtype not in backend.FLOATING_DTYPES:
                    return None
                dtype = array.dtype
        arrays.append(array)
    return None if dtype is None else arrays


def _brought_together(op, inputs):
    names = op.names_for(inputs)
    firm = [(n, v) for n, v in zip(names, inputs, strict=True) if not is_data(v)]
    where = _common_device(op, firm)
    values = [_plain(value, where) for value in inputs]
    for name, value in zip(names[: op.required], values, strict=False):
        if value is None:
            raise DtypeError(f"{op}: {name} is None, needed an array or a number")
    numeric = [name.partition("[")[0] not in op.own_dtype for name in names]
    floating = _common_floating(op, firm, values, numeric)
    if all(not hasattr(value, "dtype") for value in values):
        values = [_as_array(v, where, floating or op.floating) for v in values]
    return [
        _with_dtype(op, name, value, floating)
        if takes_part
        else _array_only(value, where)
        for name, value, takes_part in zip(names, values, numeric, strict=True)
    ]


def _common_device(op, firm):
    if not firm:
        return None
    first_name, first = firm[0]
    for name, variable in firm[1:]:
        if variable.device != first.device:
            raise DeviceError(
                f"{op}: {first_name} {_call(first)} is on {first.device}, {name} "
                f"{_call(variable)} on {variable.device}; move one with .to(device)"
            )
    return first.device


def _common_floating(op, firm, values, numeric):
    """Return the name of the floating dtype to compute in; None for integers."""
    chosen = None
    for name, variable in firm:
        dtype = backend.dtype_name(variable.dtype)
        if dtype not in _WIDTH or name.partition("[")[0] in op.own_dtype:
            continue
        if chosen is not None and chosen[2] != dtype:
            raise DtypeError(
                f"{op}: {chosen[0]} {_call(chosen[1])} is {chosen[2]}, {name} "
                f"{_call(variable)} is {dtype}; convert one with .astype(dtype)"
            )
        chosen = chosen or (name, variable, dtype)
    if chosen:
        return chosen[2]
    taking_part = [v for v, counts in zip(values, numeric, strict=True) if counts]
    names = [backend.dtype_name(v.dtype) for v in taking_part if hasattr(v, "dtype")]
    widest = max((n for n in names if n in _WIDTH), key=_WIDTH.get, default=None)
    needs_one = op.floating or any(isinstance(v, float) for v in taking_part)
    return widest or (backend.DEFAULT_DTYPE if needs_one else None)


def _plain(value, where):
    """Return an input as an array on the device, a Python number, or None."""
    if value is None or type(value) in (int, float, bool):
        return value
    if isinstance(value, Variable):
        value = value._value
    elif isinstance(value, numbers.Number) and not isinstance(value, complex):
        return value.item() if hasattr(value, "item") else float(value)
    return backend.asarray(value, where)


def _as_array(value, where, floating):
    if value is None:
        return None
    name = floating if isinstance(floating, str) else None
    return backend.asarray(
        value, where, name or (backend.DEFAULT_DTYPE if floating else None)
    )


def _array_only(value, where):
    return (
        value
        if value is None or hasattr(value, "dtype")
        else backend.asarray(value, where)
    )


def _with_dtype(op, name, value, floating):
    if op.refuses_unsigned and hasattr(value, "dtype"):
        dtype = backend.dtype_name(value.dtype)
        if dtype == "bool" or dtype.startswith("uint"):
            raise DtypeError(
                f"{op}: {name} is {dtype}, needed a signed dtype; cast it first"
            )
    if floating is None or value is None:
        return value
    if not hasattr(value, "dtype"):
        return value if op.takes_numbers else backend.asarray(value, None, floating)
    dtype = backend.dtype_name(value.dtype)
    if dtype not in _WIDTH and op.refuses_integers:
        raise DtypeError(
            f"{op}: {name} is {dtype}, needed {floating}; cast to {floating} first"
        )
    return backend.cast(value, floating)


def _call(variable):
    name = f' "{variable.name}"' if variable.name else ""
    return f"{tuple(variable.shape)}{name}"
