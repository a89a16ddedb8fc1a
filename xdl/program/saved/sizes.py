"""Sizes: what in a program moves with the length of an axis, as a formula of it.

Each is found from what it is in recordings of one step with several lengths: integers
of shapes and slices, numbers such as ``1 / n``, and arrays that repeat one or count.
"""

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from xdl.program.saved.literal import dtype_text, literal

# Of double and of single precision: by how much slopes that are one may differ, a shift
# and a factor may be off the fractions that they are taken for, and the largest
# denominator of these. What is found by them is compared to a few roundings.
_ROUGHLY = {8: (1e-9, 1e-6, 1e-11, 1 << 16), 4: (1e-4, 1e-3, 1e-6, 1 << 6)}
_ULPS = 16  # by how many roundings a formula may be off


class NoFormula(Exception):  # noqa: N818 (it says what there is none of)
    """What is seen for several lengths follows none of the formulas."""


class Size(int):
    """An integer that is a polynomial of a length.

    Args:
        value: what it is in the program that it stands in.
        formula: its coefficients, Fractions, the constant one first.
    """

    formula: Any
    below: int
    counts: Any

    def __new__(cls, value, formula):
        """Return it as an int, so that it can stand for one."""
        made = super().__new__(cls, value)
        made.formula = formula
        made.below = math.lcm(*[c.denominator for c in formula])
        made.counts = [int(c * made.below) for c in formula]
        return made

    def at(self, n):
        """Return the integer for a length; a fraction where there is none."""
        above = sum([c * n**i for i, c in enumerate(self.counts)])
        return above / self.below if above % self.below else above // self.below

    def text(self, n):
        """Return the Python expression for a length of this name."""
        above = _sum_text(self.counts, ("", n, f"{n} * {n}"))
        return above if self.below == 1 else f"({above}) // {self.below}"


class Scale(float):
    """A number that is ``factor * (n + above) / (n + below)``, or its root.

    Args:
        value: what it is in the program that it stands in.
        factor: a float.
        above, below: Fractions; None: that part is not there.
        is_root: whether it is the root, times the sign of the factor.
    """

    factor: float
    above: Any
    below: Any
    is_root: bool

    def __new__(cls, value, factor, above, below, is_root):
        """Return it as a float, so that it can stand for one."""
        made = super().__new__(cls, value)
        made.factor, made.above, made.below = factor, above, below
        made.is_root = is_root
        return made

    def at(self, n):
        """Return the number for a length."""
        value = abs(self.factor) if self.is_root else self.factor
        if self.above is not None:
            value *= float(n + self.above)
        if self.below is not None:
            if n + self.below == 0:
                return math.nan
            value /= float(n + self.below)
        if not self.is_root:
            return value
        return math.copysign(math.sqrt(value), self.factor) if value >= 0 else math.nan

    def text(self, n):
        """Return the Python expression for a length of this name."""
        factor, parts = self.factor, []
        for shift in (self.above, self.below):
            times = 1 if shift is None else shift.denominator
            count = None if shift is None else [shift.numerator, times]
            parts.append(None if count is None else _sum_text(count, ("", n)))
            factor = factor / times if len(parts) == 1 else factor * times
        above, below = [f"({p})" if p and " " in p else p for p in parts]
        sign = "-" if self.is_root and factor < 0 else ""
        factor = abs(factor) if self.is_root else factor
        first = literal(int(factor) if factor == int(factor) else factor)
        made = f"{first} * {above}" if above else first
        made = above if above and factor == 1 else made
        made = f"{made} / {below}" if below else made
        return f"{sign}({made}) ** 0.5" if self.is_root else made


class Made:
    """An array that repeats a number, or counts, in a shape that moves with a length.

    Args:
        shape: a tuple of ints and Sizes.
        dtype: of the array.
        first: its first number.
        step: by how much each is more than the one before it; None: all are one.
    """

    def __init__(self, shape, dtype, first, step=None):
        self.shape, self.dtype, self.first, self.step = shape, dtype, first, step

    def at(self, n):
        """Return the array for a length."""
        shape, first = (
            tuple([at(length, n) for length in self.shape]),
            at(self.first, n),
        )
        if self.step is None:
            return np.full(shape, first, self.dtype)
        counted = np.arange(math.prod(shape)) * at(self.step, n) + first
        return counted.astype(self.dtype).reshape(shape)

    def text(self, n):
        """Return the Python expression for a length of this name."""
        shape, dtype = text_of(self.shape, n), dtype_text(self.dtype)
        first = text_of(self.first, n)
        if self.step is None:
            known = {"0": "zeros", "1": "ones", "0.0": "zeros", "1.0": "ones"}
            if first in known:
                return f"np.{known[first]}({shape}, {dtype})"
            return f"np.full({shape}, {first}, {dtype})"
        lengths = [_enclosed(text_of(one, n)) for one in self.shape if one != 1]
        made = f"np.arange({' * '.join(lengths)})"
        sums = "" if self.step == 1 else f" * {_enclosed(text_of(self.step, n))}"
        sums += "" if self.first == 0 else f" + {_enclosed(first)}"
        calls = "" if self.dtype == np.int64 else f".astype({dtype})"
        calls += "" if len(self.shape) == 1 else f".reshape({shape})"
        return f"({made}{sums}){calls}" if sums and calls else f"{made}{sums}{calls}"


def at(thing, n):
    """Return a number, which may move with a length, as it is for one."""
    return thing.at(n) if type(thing) in (Size, Scale) else thing


def text_of(thing, n):
    """Return the text of a number, or a shape, for a length of this name."""
    if type(thing) is tuple:
        inner = ", ".join([text_of(one, n) for one in thing])
        return f"({inner},)" if len(thing) == 1 else f"({inner})"
    return thing.text(n) if type(thing) in (Size, Scale) else literal(thing)


def moves(thing):
    """Tell whether anything in nested tuples moves with the length."""
    if type(thing) in (tuple, list):
        return any(map(moves, thing))
    if type(thing) is slice:
        return moves((thing.start, thing.stop, thing.step))
    return type(thing) in (Size, Scale)


def is_near(found, expected, ulps=_ULPS, dtype=np.float64):
    """Tell whether two numbers are one but for some roundings, or the same."""
    if found == expected or (found != found and expected != expected):
        return math.copysign(1, found) == math.copysign(1, expected)
    return abs(found - expected) <= ulps * float(np.finfo(dtype).eps) * abs(expected)


def integer(values, lengths):
    """Return the one integer that several are, or the Size.

    Raises:
        NoFormula: they follow no polynomial of second degree.
    """
    return _integer(tuple(values), tuple(lengths))


@functools.lru_cache(4096)
def _integer(values, lengths):
    if len(set(values)) == 1:
        return values[0]
    size = Size(values[0], _polynomial(values[:3], lengths[:3]))
    if any(size.at(n) != value for value, n in zip(values, lengths, strict=True)):
        raise NoFormula
    return size


def shape(shapes, lengths):
    """Return the shape that several are, of ints and Sizes; see ``integer``."""
    if len(set(map(len, shapes))) > 1:
        raise NoFormula
    return tuple([integer(column, lengths) for column in zip(*shapes, strict=True)])


def number(values, lengths, dtype=np.float64):
    """Return the one float that several are, or the Scale.

    Raises:
        NoFormula: they follow none.
    """
    if len(set(map(repr, values))) == 1:
        return values[0]
    roughly = _ROUGHLY.get(np.dtype(dtype).itemsize)
    if roughly is not None and all(map(math.isfinite, values)):
        for is_root in (False, True):
            for find in (_scale, _above_one):
                found = find(values, lengths, is_root, roughly)
                if found is not None and all(
                    is_near(found.at(n), value, dtype=dtype)
                    for value, n in zip(values, lengths, strict=True)
                ):
                    return found
    raise NoFormula


def array(arrays, lengths):
    """Return None if several arrays are one, or else what makes them, a Made.

    Raises:
        NoFormula: they neither repeat a number nor count.
    """
    first = arrays[0]
    if len({a.dtype for a in arrays}) > 1:
        raise NoFormula
    if all(is_same(first, one) for one in arrays[1:]):
        return None
    shapes = shape([one.shape for one in arrays], lengths)
    if not any(one.size for one in arrays):
        return Made(shapes, first.dtype, 0)
    if first.dtype.kind not in "fiub" or any(one.size < 2 for one in arrays):
        raise NoFormula
    flat = [one.reshape(-1) for one in arrays]
    firsts = [one[0].item() for one in flat]
    if all(is_same(one, np.broadcast_to(one[:1], one.shape)) for one in flat):
        return Made(shapes, first.dtype, _any_number(firsts, lengths, first.dtype))
    if first.dtype.kind == "b":
        raise NoFormula
    steps = [one[1].item() - one[0].item() for one in flat]
    made = Made(
        shapes,
        first.dtype,
        _any_number(firsts, lengths, np.float64),
        _any_number(steps, lengths, np.float64),
    )
    if not all(
        is_same(made.at(n), one) for one, n in zip(arrays, lengths, strict=True)
    ):
        raise NoFormula
    return made


def is_made(made, found, n):
    """Tell whether an array is what a Made makes for a length."""
    expected = made.at(n)
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return False
    if expected.dtype.kind != "f" or not expected.size or made.step is not None:
        return is_same(expected, found)
    one = found.reshape(-1)[:1]
    is_fill = is_same(np.broadcast_to(one, found.shape), found)
    pair = one.item(), expected.reshape(-1)[0].item()
    return is_fill and is_near(*pair, dtype=expected.dtype)


def _any_number(values, lengths, dtype):
    if type(values[0]) is bool:
        if len(set(values)) > 1:
            raise NoFormula
        return values[0]
    if type(values[0]) is float:
        dtype = dtype if np.dtype(dtype).kind == "f" else np.float64
        return number(values, lengths, dtype)
    return integer(values, lengths)


def is_same(one, other):
    """Tell whether two arrays are the same, bit for bit."""
    is_alike = one.shape == other.shape and one.dtype == other.dtype
    return is_alike and one.tobytes() == other.tobytes()


def _polynomial(values, lengths):
    """Return the coefficients of the polynomial through up to three points."""
    points = list(zip(lengths, values, strict=True))
    found = [Fraction(0)] * len(points)
    for i, (x, y) in enumerate(points):
        others = [a for j, (a, _) in enumerate(points) if j != i]
        below = math.prod([Fraction(x - a) for a in others])
        product = [Fraction(1)]
        for a in others:  # times (n - a)
            shifted = [Fraction(0), *product]
            product = [s - a * p for s, p in zip(shifted, [*product, 0], strict=True)]
        for k, c in enumerate(product):
            found[k] += y * c / below
    return tuple(found)


def _scale(values, lengths, is_root, roughly):
    """Return the Scale that three of the values ask for, or None."""
    sign = math.copysign(1, values[0])
    picked = [0, len(values) // 2, -1]
    n = np.array([lengths[i] for i in picked], float)
    v = np.array([values[i] for i in picked], float)
    v = sign * v * v if is_root else v
    slopes = np.diff(v) / np.diff(n)
    if abs(slopes[1] - slopes[0]) <= roughly[0] * abs(slopes).max():
        line = _linear(v, n, roughly)
        return Scale(values[0], line[0], line[1], None, is_root) if line else None
    try:
        below = np.linalg.solve(np.stack([n, np.ones(3), -v], -1), v * n)[2]
    except np.linalg.LinAlgError:
        return None
    below = _fraction(below, roughly[1], roughly[3])
    line = below is not None and _linear(v * (n + float(below)), n, roughly)
    return Scale(values[0], line[0], line[1], below, is_root) if line else None


def _above_one(values, lengths, is_root, roughly):
    """Return the Scale ``(count + 1) / count`` that two of the values ask for, or None.

    Of a large count the general way loses too many digits.
    """
    squares = [v * v if is_root else v for v in values]
    if 1.0 in squares:
        return None
    counts = [1 / (v - 1) for v in squares]
    slope = round((counts[-1] - counts[0]) / (lengths[-1] - lengths[0]))
    if not slope:
        return None
    shift = round(counts[0] - slope * lengths[0])
    above, below = Fraction(shift + 1, slope), Fraction(shift, slope)
    return Scale(values[0], math.copysign(1, values[0]), above, below, is_root)


def _linear(v, n, roughly):
    """Return (factor, above) of ``factor * (n + above)``; above None: the factor."""
    slope = (v[-1] - v[0]) / (n[-1] - n[0])
    if abs(slope) * n[-1] <= roughly[0] * abs(v[0]):
        return _plain(v[0], roughly), None
    above = _fraction(v[0] / slope - n[0], roughly[1], roughly[3])
    return None if above is None else (_plain(slope, roughly), above)


def _plain(value, roughly):
    near = _fraction(value, roughly[2], roughly[3])
    return float(near or value)


def _fraction(value, near, largest):
    found = Fraction(float(value)).limit_denominator(largest)
    return found if abs(found - Fraction(float(value))) <= near else None


def _sum_text(counts, names):
    """Return the text of a sum of counts of named things, the last first."""
    made = ""
    for count, name in reversed(list(zip(counts, names, strict=False))):
        if not count:
            continue
        size = abs(count)
        part = str(size) if not name else name if size == 1 else f"{size} * {name}"
        if made:
            made += f" {'-' if count < 0 else '+'} {part}"
        else:
            made = f"-{part}" if count < 0 else part
    return made or "0"


def _enclosed(text):
    return f"({text})" if " " in text else text
