"""Data follows the model: how the inputs of an operation are brought together.

A Variable is firm in its device and floating dtype. Numbers, raw arrays and what was
computed from raw arrays alone are data: they take the device and floating dtype of
the firm Variables that they meet.

A floating dtype that nobody named is open: what is computed of Python numbers, lists,
integers and booleans alone is computed in float64. It is shown as float32, and rounded
from float64 to the dtype of what it meets.
"""

import numbers
from typing import Any

from xdl import backend
from xdl.backend import NAMESPACES, known
from xdl.core.variable import Variable, array_of
from xdl.errors import DeviceError, DtypeError, GraphError, ShapeError
from xdl.recording import current, not_in_state

_WIDTH = {"float16": 0, "bfloat16": 1, "float32": 2, "float64": 3}
_OPEN = "float64"  # what is computed in where nobody named a floating dtype


def is_data(value):
    """Tell whether an input is data rather than a firm Variable."""
    return not isinstance(value, Variable) or getattr(value, "_is_data", False)


def as_variable(x: Any) -> Variable:
    """Return ``x`` as a Variable: itself, or data that takes part in no graph.

    Lists that hold Variables are stacked, and gradients flow through.
    """
    x = stacked(x)
    if isinstance(x, Variable):
        return x
    value = _plain("asarray", "x", x)
    is_open = not hasattr(value, "dtype") and _is_fractional(value)
    array = value.array if isinstance(value, _Listed) else value
    array = backend.asarray(array, None, _OPEN if is_open else None)
    data = Variable._of(array, is_data=True)
    if is_open:
        show(None, data)
    return data


def prepare(op, inputs):
    """Return what a call of an operation needs.

    Returns:
        The namespace; the inputs, with lists that hold Variables stacked; the arrays,
        numbers and None for ``op.compute``; and whether the floating dtype is open.

    Raises:
        DtypeError: two firm Variables of two floating dtypes; integers where the
            operation needs floating numbers; values that are not numbers.
        DeviceError: two firm Variables on two devices.
    """
    arrays, is_open = _ready(op, inputs), False
    if not arrays:
        inputs = tuple([stacked(value) for value in inputs])
        arrays, is_open = _brought_together(op, inputs)
    if op.conditions:
        arrays = _by_truth(op, arrays)
    for array in arrays:
        xp = NAMESPACES.get(type(array))
        if xp is not None:
            return xp, inputs, arrays, is_open
    raise ShapeError(f"{op}: no array came, needed at least one")


def show(op, out):
    """Show a result whose floating dtype is open as the default one."""
    full = out._value
    if backend.dtype_name(full.dtype) == _OPEN and not hasattr(op, "dtype"):
        out._full = full
        with NAMESPACES[type(full)].quiet():
            out._value = backend.cast(full, backend.DEFAULT_DTYPE)


def stacked(value):
    """Return nested lists with Variables in them as one Variable, others as they are.

    Raises:
        ShapeError: their shapes differ.
    """
    if type(value) not in (list, tuple) or not _holds_variables(value):
        return value
    return NAMESPACES[Variable].stack(value)


def _holds_variables(nested):
    kinds = set(map(type, nested))
    if any(issubclass(kind, Variable) for kind in kinds):
        return True
    if not kinds & {list, tuple}:
        return False
    return any(_holds_variables(v) for v in nested if type(v) in (list, tuple))


def _ready(op, inputs):
    """Return the arrays if they fit, or raw ones once cast, or None.

    This is the short way for the usual call: arrays of one library and one floating
    dtype, raw arrays of another floating dtype beside a trainable Variable, numbers.
    """
    library, dtype = _trainable_kind(inputs)
    casts = dtype is not None
    roles = op.signature.takes_part
    if len(inputs) > len(roles):
        if not op.signature.is_variadic:
            op.names_for(inputs)  # refuses them
        roles += roles[-1:] * (len(inputs) - len(roles))
    arrays: list[Any] = []
    for value, takes_part in zip(inputs, roles, strict=False):
        array = value._value if type(value) is Variable else value
        kind = type(array)
        if kind in backend.NUMBERS:
            if not op.takes_numbers:
                return None
            array = array if kind is float or kind is int else array.item()
        elif array is None:
            if op.signature.is_variadic or len(arrays) < op.signature.required:
                return None
        else:
            if library is None and kind in backend.ARRAYS:
                library = kind
            if kind is not library:
                return None
            if takes_part and array.dtype is not dtype:
                if array.dtype not in backend.FLOATING_DTYPES:
                    return None
                if dtype is None:
                    if array is not value and value._in_full() is not array:
                        return None
                    dtype = array.dtype
                elif casts and array is value:
                    array = NAMESPACES[library].astype(array, dtype)
                else:
                    return None
        arrays.append(array)
    return None if dtype is None else arrays


def _by_truth(op, arrays):
    """Return the arrays with those that are conditions as booleans."""
    where = next(backend.device_of(a) for a in arrays if hasattr(a, "dtype"))
    return [
        _truth(array, where) if name in op.conditions else array
        for name, array in zip(op.signature.inputs, arrays, strict=False)
    ]


def _truth(value, where):
    is_array = hasattr(value, "dtype")
    if value is None or (is_array and backend.dtype_name(value.dtype) == "bool"):
        return value
    return backend.asarray(value != 0, where)


def _trainable_kind(inputs):
    """Return the type and dtype of the first trainable Variable's array, or None."""
    for value in inputs:
        if type(value) is Variable and value._node is not None:
            return type(value._value), value._value.dtype
    return None, None


def _brought_together(op, inputs):
    names = op.names_for(inputs)
    _refuse_none(op, names, inputs)
    firm = [(n, v) for n, v in zip(names, inputs, strict=True) if not is_data(v)]
    where = _common_device(op, firm) if firm else _device_of_data(inputs)
    values = [
        _plain(op, name, value) for name, value in zip(names, inputs, strict=True)
    ]
    if current() is not None and firm:
        _refuse_unknown(firm, where, values)
    own = [name.partition("[")[0] in op.own_dtype for name in names]
    shared = [v for v, is_own in zip(values, own, strict=True) if not is_own]
    floating = _firm_floating(op, firm) or _widest(shared)
    is_open = not floating and (op.floating or any(map(_is_fractional, shared)))
    if is_open:  # in a graph, gradients have the dtype that is shown
        is_open = all(v._node is None for v in inputs if isinstance(v, Variable))
        floating = _OPEN if is_open else backend.DEFAULT_DTYPE
    shown = backend.DEFAULT_DTYPE if is_open else floating
    for name, value, is_own in zip(names, values, own, strict=True):
        if not is_own and hasattr(value, "dtype"):
            _refuse_dtype(op, name, backend.dtype_name(value.dtype), shown)
    no_array = not any(hasattr(value, "dtype") for value in shared)
    return [
        _placed(value, where)
        if is_own
        else _converted(op, value, floating, where, no_array)
        for value, is_own in zip(values, own, strict=True)
    ], is_open


def _refuse_none(op, names, inputs):
    needed = len(names) if op.signature.is_variadic else op.signature.required
    for name, value in zip(names[:needed], inputs, strict=False):
        if value is None:
            raise DtypeError(
                f"{op}: {name} is None or missing, needed an array or a number"
            )


def _common_device(op, firm):
    first_name, first = firm[0]
    for name, variable in firm[1:]:
        if variable.device != first.device:
            for one, other in ((first, variable), (variable, first)):
                if one.device.kind == "trace":
                    raise GraphError(not_in_state(other._label(), other.shape))
            raise DeviceError(
                f"{op}: {first_name} {_call(first)} is on {first.device}, {name} "
                f"{_call(variable)} on {variable.device}; move one with .to(device)"
            )
    return first.device


def _refuse_unknown(firm, where, values):
    """Refuse a Variable that a recorded step uses and that is not in its state."""
    if where.kind == "trace":
        return
    for value in values:
        if hasattr(value, "dtype") and backend.device_of(value).kind == "trace":
            _, variable = firm[0]
            raise GraphError(not_in_state(variable._label(), variable.shape))


def _device_of_data(inputs):
    """Return the device of the first raw array that is not the host's, or None."""
    for value in inputs:
        array = array_of(value)
        if type(array) in backend.ARRAYS and backend.device_of(array) != "cpu":
            return backend.device_of(array)
    return None


class _Listed:
    """Numbers without a floating dtype that anybody named, as an array."""

    def __init__(self, array):
        self.array = array


def _plain(op, name, value):
    """Return an input as an array, a Python number, a `_Listed` or None."""
    if value is None or type(value) in (int, float, bool):
        return value
    if type(value) in backend.NUMBERS:
        return value.item()
    if isinstance(value, Variable):
        full = value._in_full()
        return full if full is value._value else _Listed(full)
    if isinstance(value, numbers.Number) and not isinstance(value, complex):
        number: Any = value
        return number.item() if hasattr(number, "item") else float(number)
    try:
        if isinstance(value, list | tuple):
            return _Listed(backend.as_known_array(value))
        return backend.as_known_array(value)
    except DtypeError as error:
        said = str(error).removeprefix("asarray: ")
        raise DtypeError(f"{op}: {name}: {said}") from None


def _firm_floating(op, firm):
    """Return the name of the firm Variables' floating dtype, or None."""
    chosen = None
    for name, variable in firm:
        dtype = backend.dtype_name(variable.dtype)
        is_open = variable._in_full() is not variable._value
        is_own = name.partition("[")[0] in op.own_dtype
        if dtype not in _WIDTH or is_open or is_own:
            continue
        if chosen is not None and chosen[2] != dtype:
            raise DtypeError(
                f"{op}: {chosen[0]} {_call(chosen[1])} is {chosen[2]}, {name} "
                f"{_call(variable)} is {dtype}; convert one with .astype(dtype), or "
                "give data as a raw array: it follows the model"
            )
        chosen = chosen or (name, variable, dtype)
    return chosen and chosen[2]


def _widest(values):
    """Return the name of the widest floating dtype of arrays, or None."""
    names = [backend.dtype_name(v.dtype) for v in values if hasattr(v, "dtype")]
    return max((n for n in names if n in _WIDTH), key=_WIDTH.__getitem__, default=None)


def _is_fractional(value):
    if isinstance(value, _Listed):
        return backend.is_floating(value.array)
    return isinstance(value, float)


def _placed(value, where):
    """Return an input with a dtype of its own as an array on the device."""
    if value is None:
        return None
    array = value.array if isinstance(value, _Listed) else value
    placed = backend.asarray(array, where)
    if type(placed) in backend.TOGETHER and placed is not array:
        known.note_moved(placed, array)  # nobody else has it
    return placed


def _refuse_dtype(op, name, dtype, floating):
    if op.refuses_unsigned and (dtype == "bool" or dtype.startswith("uint")):
        raise DtypeError(
            f"{op}: {name} is {dtype}, needed a signed dtype; cast it first"
        )
    if floating and op.refuses_integers and dtype not in _WIDTH:
        pixels = "; of pixels: / 255" if dtype == "uint8" else ""
        raise DtypeError(
            f"{op}: {name} is {dtype}, needed {floating}; cast to {floating} first: "
            f'.astype("{floating}"){pixels}'
        )


def _converted(op, value, floating, where, no_array):
    """Return an input as what ``op.compute`` takes: of the common dtype and device."""
    if value is None:
        return None
    if isinstance(value, _Listed):
        return backend.asarray(value.array, where, floating)
    if not hasattr(value, "dtype"):
        keep = op.takes_numbers and not no_array
        return value if keep else backend.asarray(value, where, floating)
    return backend.asarray(value, where, floating)


def _call(variable):
    name = f' "{variable.name}"' if variable.name else ""
    return f"{tuple(variable.shape)}{name}"
