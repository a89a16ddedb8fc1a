"""A program as a Python file that runs with NumPy alone, and its arrays beside it."""

import hashlib
import inspect
import os
import pathlib
from typing import Any

import numpy as np

from xdl import backend
from xdl.errors import ArgumentError
from xdl.program.saved import written_out
from xdl.program.saved.free import free
from xdl.program.saved.literal import comment, dtype_text, literal
from xdl.program.saved.text import Text
from xdl.replacing import replacing
from xdl.tracing.instructions import TABLE
from xdl.tracing.number import COMPARISONS, Comparison
from xdl.tracing.values import Instruction

_ASKED = (bool, float, int, repr)  # of a number, as a saved program can
_FEW = 16  # elements: above, an array of one number repeated is written as such


def save(program, path):
    """Write a program as a Python file and an .npz file; see ``Program.save``."""
    path = pathlib.Path(path)
    if path.suffix != ".py":
        raise ArgumentError(f"save: {path.name} came, needed a name that ends in .py")
    with program.trial.lock():
        _save(program, path)


def _save(program, path):
    of_any, reason = free(program)
    text = _Saved(program, of_any, reason)
    program = text.program
    arrays = {name: _state(program, text, name) for name in text.states}
    fills = {name: _fill(array) for name, array in text.constants.items()}
    stored = {name: a for name, a in text.constants.items() if fills[name] is None}
    text.foreign += [
        f"it asks a float argument for its {getattr(question, '__name__', 'text')}"
        for value, question, _ in program.guards
        if question not in _ASKED and not isinstance(question, Comparison)
        if _hangs_on_arguments(text, value)
    ]
    _refuse_foreign(program, text, {**arrays, **text.constants})
    fills = {name: fill for name, fill in fills.items() if fill is not None}
    # A file whose other one is another program's is known by this mark.
    mark = hashlib.sha256(_file(text, fills, stored, "").encode()).hexdigest()[:16]
    content = _file(text, fills, stored, mark).encode()
    with replacing(path.with_suffix(".npz")) as beside, replacing(path) as file:
        np.savez(beside, **arrays, **stored, saved_with=np.array(mark))
        beside.flush()
        os.fsync(beside.fileno())
        file.write(content)


class _Saved(Text):
    """The lines of a saved program.

    Args:
        program: a Program.
        of_any: its Free, or None.
        reason: why it has none.
    """

    def __init__(self, program, of_any, reason):
        form = "state['{}']"
        if of_any is None:
            super().__init__(program, form)
        else:
            super().__init__(of_any.program, form, of_any.made)
        self.of_any, self.reason = of_any, reason


def _state(program, text, name):
    """Return an array of the state, which is still as it was recorded."""
    value = text.states[name]
    slot = program.state.slots[value.data]
    array = slot.get()
    if array is None or (array.shape, array.dtype) != (value.shape, value.dtype):
        kind = "the gradient of " if slot.is_grad else ""
        raise ArgumentError(
            f"save: {kind}{slot.label!r} has changed its shape or dtype, or is gone, "
            "since the step was recorded; call the step, then save its program"
        )
    return backend.to_numpy(array)


def _refuse_foreign(program, text, arrays):
    """Raise an error that lists what NumPy alone does not have."""
    dtypes = {array.dtype for array in arrays.values()}
    dtypes |= {v.dtype for v in text.inputs if not v.is_number}
    dtypes |= {i.result.dtype for i in program.flat() if i.result is not None}
    foreign = list(text.foreign)
    for dtype in dtypes - {None}:
        try:
            dtype_text(dtype)
        except TypeError as error:
            foreign.append(f"it computes with {error}")
    if foreign:
        raise ArgumentError(
            f"save: the step cannot run with NumPy alone: {'; '.join(set(foreign))}; "
            "needed arrays and numbers of NumPy's, str, None and tuples, lists and "
            "dicts of them"
        )


def _fill(array):
    """Return the text of an array that repeats one number; None: it does not."""
    if array.size <= _FEW:
        return None
    first = array[(0,) * array.ndim]
    try:
        text = f"np.full({array.shape}, {literal(first)})"
    except TypeError:
        return None
    size = array.dtype.itemsize
    rows = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, size)
    is_exact = type(first)(first.item()).tobytes() == rows[0].tobytes()
    return text if is_exact and (rows == rows[0]).all() else None


def _file(text, fills, stored, mark):
    """Return the text of a saved program."""
    numbers = text.program.state.read_numbers()
    numbers = {name: numbers[i] for name, i in text.numbers.items()}
    checks: tuple[Any, ...] = (written_out.checked_array, written_out.checked_number)
    if text.of_any is not None:
        checks += (written_out.checked_length, written_out.check_part)
    lines = [
        '"""A step that was recorded by xdl; it runs with NumPy alone."""',
        "",
        "import math",
        "import pathlib",
        "",
        "import numpy as np",
        "",
        "with np.load(pathlib.Path(__file__).with_suffix('.npz')) as _stored:",
        f"    if _stored['saved_with'] != {mark!r}:",
        "        raise ValueError('the .npz file is of another program')",
        *_dict("state", {n: f"_stored[{n!r}]" for n in text.states}, "    "),
        *_dict("constants", {n: f"_stored[{n!r}]" for n in stored}, "    "),
        *[f"constants[{name!r}] = {fill}" for name, fill in fills.items()],
        *_dict("numbers", {n: literal(number) for n, number in numbers.items()}),
        f"draws = {text.program.draws}",
        "",
        *[f"\n{inspect.getsource(check)}" for check in checks],
        *[f"\n{part}" for part in text.written_out()],
        "",
        *_step(text),
    ]
    return "\n".join(lines) + "\n"


def _dict(name, items, indent=""):
    pairs = [f"{indent}    {key!r}: {text}," for key, text in items.items()]
    return (
        [f"{indent}{name} = {{", *pairs, indent + "}"]
        if pairs
        else [f"{indent}{name} = {{}}"]
    )


def _step(text):
    """Return the lines of the function."""
    draws = text.program.draws
    names = [*text.inputs.values(), *(("key", "draw") if draws else ())]
    lines = [*_documentation(text), *_checks(text)]
    lines += [f"{name} = state[{name!r}]" for name in text.states]
    lines += [f"{name} = constants[{name!r}]" for name in text.constants]
    lines += [f"{name} = {made}" for name, made in text.made.items()]
    lines += [f"{name} = numbers[{name!r}]" for name in text.numbers]
    lines += [*text.lines, *_guards(text), *text.changes, f"return {text.result}"]
    return [f"def step({', '.join(names)}):", *[f"    {line}" for line in lines]]


def _documentation(text):
    arguments = [
        f"{name}: a float."
        if value.is_number
        else f"{name}: an array {text.text(value.shape)} of {value.dtype}."
        for value, name in text.inputs.items()
    ]
    if text.program.draws:
        arguments += [
            "key: an int >= 0, the seed of the random draws.",
            "draw: how many draws were taken before: 0, and so many more at each",
            f"    step: {text.program.draws}.",
        ]
    notes = _notes(text)
    if not arguments:
        return (
            ['"""Do the step.', "", *notes, '"""'] if notes else ['"""Do the step."""']
        )
    listed = [f"    {line}" for line in arguments]
    return ['"""Do the step.', "", *notes, "Args:", *listed, '"""']


def _notes(text):
    """Return lines that say for which lengths the program is."""
    if text.reason is not None:
        reason = comment(text.reason).replace('"', "'")
        return ["It is for arrays of these shapes alone. Of another batch:", reason, ""]
    if text.of_any is None:
        return []
    n, of_any = text.length, text.of_any
    some = ", ".join([f"{a} to {b}" if a < b else str(a) for a, b in of_any.some])
    if of_any.least is None:
        return [
            f"{n} is the same everywhere, one of {some}:",
            "the code of the step asks for it, and these were tried.",
            "",
        ]
    some = f"{some} or " if some else ""
    return [f"{n} is the same everywhere: {some}any from {of_any.least} on.", ""]


def _checks(text):
    """Return lines that refuse other arguments than the program is for."""
    lines, is_known = [], False
    for value, name in text.inputs.items():
        if value.is_number:
            lines.append(f"{name} = checked_number({name!r}, {name})")
            continue
        shape = text.text(value.shape)
        axis = None if text.of_any is None else text.of_any.axes.get(value.data)
        is_first = axis is not None and not is_known
        if axis is not None and not is_known:
            lengths = [literal(length) for length in value.shape]
            lengths[axis] = literal(text.length)
            shape = f"({', '.join(lengths)}{',' * (len(lengths) == 1)})"
        dtype = dtype_text(value.dtype)
        lines.append(f"{name} = checked_array({name!r}, {name}, {shape}, {dtype})")
        if is_first:
            lines += _length_checks(text, name, axis)
            is_known = True
    return lines


def _length_checks(text, name, axis):
    """Return lines that name the length of an argument's axis, and refuse others."""
    n, some, least = text.length, text.of_any.some, text.of_any.least
    length = f"{name}.shape[{axis}]"
    lines = [f"{n} = checked_length({name!r}, {length}, {literal(some)}, {least})"]
    for length, part, count in text.of_any.parts:
        part = f"range({text.text(length)})[{text.index(part)}]"
        lines.append(f"check_part({name!r}, {n}, {part}, {text.text(count)})")
    return list(dict.fromkeys(lines))


def _guards(text):
    """Return lines that refuse floats for which the step would do something else."""
    lines = []
    for value, question, answer in text.program.guards:
        if not _hangs_on_arguments(text, value):
            continue
        asked = _question(text.name(value), question)
        lines.append(f"if ({asked}) != {literal(answer)}:")
        said = f"step: recorded for another answer to: {asked}"
        lines.append(f"    raise ValueError({literal(said)})")
    return lines


def _hangs_on_arguments(text, value):
    if isinstance(value.origin, Instruction):
        return any(_hangs_on_arguments(text, v) for v in value.origin.operands())
    return value in text.inputs


def _question(name, question):
    if not isinstance(question, Comparison):
        return f"{question.__name__}({name})"
    symbol = TABLE[COMPARISONS[question.name]].symbol
    asked = f"{name} {symbol} {literal(question.other)}"
    return f"{asked} if {name} == {name} else None" if question.is_difference else asked
