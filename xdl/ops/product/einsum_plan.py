"""Planning einsum: from subscripts and shapes to a list of array calls.

A label is a letter, or a negative number for an axis that the ellipsis stands for. A
plan is made once for each pair of subscripts and shapes. It brings every operand to
axes of distinct labels, then joins two operands at a time, the cheapest pair first,
with one matrix product (BLAS) where a label is summed over, else by multiplying.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from typing import Any, NamedTuple

from xdl.errors import ArgumentError, ShapeError

_TERM = re.compile(r"[A-Za-z]*(\.\.\.[A-Za-z]*)?")
_PLANS = 1024


class Subscripts(NamedTuple):
    """Subscripts spelled out for the number of axes of each operand.

    Attributes:
        terms: the labels of each operand's axes.
        output: the labels of the result's axes.
        sizes: from a label to its length.
    """

    terms: tuple
    output: tuple
    sizes: dict

    @property
    def shape(self):
        """The shape of the result."""
        return tuple(self.sizes[label] for label in self.output)


@functools.lru_cache(_PLANS)
def check_subscripts(subscripts):
    """Raise ArgumentError unless a string of subscripts is well formed."""
    who = _who(subscripts)
    inputs, output = _split(subscripts)
    for term in [*inputs, output or ""]:
        if not _TERM.fullmatch(term):
            raise ArgumentError(
                f"{who}: {term!r} came, needed letters with at most one '...'"
            )
    named, letters = (s.replace(".", "") for s in ("".join(inputs), output or ""))
    wrong = [c for c in letters if c not in named or letters.count(c) > 1]
    if wrong:
        raise ArgumentError(
            f"{who}: the output names {wrong[0]!r}, needed letters of the inputs, each "
            "once"
        )


def _who(subscripts):
    return f"Einsum(subscripts={subscripts!r})"


def _split(subscripts):
    """Return the terms of the inputs, and that of the output or None."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    return inputs.split(","), output if arrow else None


@functools.lru_cache(_PLANS)
def spelled_out(subscripts, shapes):
    """Return the ``Subscripts`` for operands of these shapes.

    Raises:
        ShapeError: the number of operands or of axes differs from the subscripts, or
            two lengths of one label do, where neither is 1.
    """
    who = _who(subscripts)
    inputs, output = _split(subscripts)
    if len(inputs) != len(shapes):
        raise ShapeError(f"{who}: {len(shapes)} operands came, needed {len(inputs)}")
    named = list(zip(inputs, shapes, strict=True))
    terms = tuple(_labels(who, term, len(shape)) for term, shape in named)
    dots = tuple(sorted({x for term in terms for x in term if isinstance(x, int)}))
    if output is None:
        letters = "".join(inputs).replace(".", "")
        once = (c for c in sorted(set(letters)) if letters.count(c) == 1)
        return Subscripts(terms, (*dots, *once), _sizes(who, terms, shapes))
    before, ellipsis, after = output.partition("...")
    if dots and not ellipsis:
        raise ShapeError(
            f"{who}: '...' stands for {len(dots)} axes, needed it in the output too"
        )
    labels = (*before, *dots, *after)
    return Subscripts(terms, labels, _sizes(who, terms, shapes))


def _labels(who, term, ndim):
    before, ellipsis, after = term.partition("...")
    letters = len(before) + len(after)
    if ndim < letters or (ndim > letters and not ellipsis):
        raise ShapeError(f"{who}: an operand of {ndim} axes came for {term!r}")
    return (*before, *range(letters - ndim, 0), *after)


def _sizes(who, terms, shapes):
    """Return the length of each label; 1 goes with any, but not in one operand."""
    sizes: dict[Any, Any] = {}
    for term, shape in zip(terms, shapes, strict=True):
        within: dict[Any, Any] = {}
        for label, length in zip(term, shape, strict=True):
            known = sizes.get(label, 1)
            inside = within.setdefault(label, length)
            if inside != length or (1 != known != length != 1):
                other = inside if inside != length else known
                name = "'...'" if isinstance(label, int) else repr(label)
                raise ShapeError(f"{who}: {name} has the lengths {other} and {length}")
            if known == 1:
                sizes[label] = length
    return sizes


@functools.lru_cache(_PLANS)
def forward_plan(subscripts, shapes):
    """Return the calls that compute the result from the operands."""
    parsed = spelled_out(subscripts, shapes)
    plan = _Plan(len(shapes), parsed.sizes)
    named = zip(parsed.terms, shapes, strict=True)
    plan.contract([plan.distinct(i, *pair) for i, pair in enumerate(named)], parsed[1])
    return tuple(plan.calls)


@functools.lru_cache(_PLANS)
def gradient_plan(subscripts, shapes, which):
    """Return the calls that compute the gradient of operand ``which``.

    They take the output's gradient in the place of that operand, whose own values play
    no part: the result is linear in it.
    """
    terms, output, sizes = spelled_out(subscripts, shapes)
    plan = _Plan(len(shapes), sizes)
    operands = [
        (i, output) if i == which else plan.distinct(i, terms[i], shapes[i])
        for i in range(len(shapes))
    ]
    labels = plan.kept(terms[which], shapes[which])
    found = set().union(*(labels for _, labels in operands))
    known = tuple(label for label in labels if label in found)
    last = plan.contract(operands, known)
    if known != labels:  # what was summed over one operand alone: all get the same
        ones = tuple(sizes[label] if label in found else 1 for label in labels)
        last = plan.add(_reshape, (last,), ones)
        last = plan.add(_broadcast, (last,), tuple(map(sizes.get, labels)))
    plan.spread(last, labels, terms[which], shapes[which])
    return tuple(plan.calls)


def run(xp, calls, operands):
    """Carry out a plan; each array is let go of at its one use."""
    arrays = dict(enumerate(operands))
    for number, (function, sources, argument) in enumerate(calls, len(operands)):
        arrays[number] = function(xp, *map(arrays.pop, sources), argument)
    (result,) = arrays.values()
    return result


# The calls of a plan: a namespace, one array or two, and what the plan says.


def _permute(xp, x, axes):
    return xp.permute_dims(x, axes)


def _reshape(xp, x, shape):
    return xp.reshape(x, shape)


def _broadcast(xp, x, shape):
    return xp.broadcast_to(x, shape)


def _sum(xp, x, axes):
    return xp.sum(x, axis=axes)


def _multiply(xp, x1, x2, nothing):
    return x1 * x2


def _matmul(xp, x1, x2, nothing):
    return xp.matmul(x1, x2)


def _diagonal(xp, x, n):
    """Return the diagonal of the last two axes: every (n + 1)th of their elements."""
    flat = xp.reshape(x, (*x.shape[:-2], n * n))
    return xp.getitem(flat, (..., slice(None, None, n + 1)))


def _embed(xp, x, n):
    """Return matrices with the last axis on their diagonals, and zeros beside it."""
    column = xp.reshape(x, (*x.shape, 1))
    rows = xp.concat((column, xp.new_zeros(x, (*x.shape, n))), axis=-1)
    flat = xp.reshape(rows, (*x.shape[:-1], n * (n + 1)))
    return xp.reshape(xp.getitem(flat, (..., slice(0, n * n))), (*x.shape, n))


class _Plan:
    """The calls so far: each a function, the numbers of its arrays, its argument.

    An operand is a pair: the number of an array, and the labels of its axes.
    """

    def __init__(self, count, sizes):
        self.count, self.sizes, self.calls = count, sizes, []

    def add(self, function, sources, argument=None):
        """Add a call; return the number of the array that it makes."""
        self.calls.append((function, sources, argument))
        return self.count + len(self.calls) - 1

    def permuted(self, number, labels, order):
        """Bring the axes into an order, which may name a label more than once."""
        places = {x: [i for i, y in enumerate(labels) if y == x] for x in labels}
        axes = tuple(places[label].pop(0) for label in order)
        if axes == tuple(range(len(axes))):
            return number
        return self.add(_permute, (number,), axes)

    def reshaped(self, number, came, shape):
        """Change the shape from ``came`` if it is another."""
        came, shape = tuple(came), tuple(shape)
        return number if came == shape else self.add(_reshape, (number,), shape)

    def lengths(self, labels):
        """Return the lengths of labels."""
        return tuple(self.sizes[label] for label in labels)

    def kept(self, term, shape):
        """Return the labels of an operand once: without those of length 1 for more."""
        named = dict(zip(term, shape, strict=True))
        return tuple(x for x, length in named.items() if length == self.sizes[x])

    def distinct(self, number, term, shape):
        """Take the diagonal of repeated labels, drop what is 1 for more."""
        labels, lengths = term, dict(zip(term, shape, strict=True))
        while len(set(labels)) < len(labels):
            label = next(x for x in labels if labels.count(x) > 1)
            rest = [x for x in labels if x != label]
            order = (*rest, *[label] * labels.count(label))
            number = self.permuted(number, labels, order)
            number = self.add(_diagonal, (number,), lengths[label])
            labels = order[:-1]
        kept = tuple(x for x in labels if lengths[x] == self.sizes[x])
        came = [lengths[label] for label in labels]
        return self.reshaped(number, came, self.lengths(kept)), kept

    def spread(self, number, labels, term, shape):
        """Undo ``distinct``: put repeated labels on the diagonal, bring 1s back."""
        for label in labels:
            for _ in range(term.count(label) - 1):
                rest = [x for x in labels if x != label]
                order = (*rest, *[label] * labels.count(label))
                number = self.permuted(number, labels, order)
                number = self.add(_embed, (number,), self.sizes[label])
                labels = (*order, label)
        order = tuple(x for x in term if x in labels)
        number = self.permuted(number, labels, order)
        return self.reshaped(number, self.lengths(order), shape)

    def contract(self, operands, output):
        """Join all operands to one whose labels are ``output``; return its number."""
        operands = [self.summed(i, operands, output) for i in range(len(operands))]
        while len(operands) > 1:
            pair = min(itertools.combinations(operands, 2), key=self.cost)
            operands = [x for x in operands if x not in pair]
            needed = set(output).union(*(labels for _, labels in operands))
            operands.append(self.joined(*pair, needed, () if operands else output))
        ((number, labels),) = operands
        return self.permuted(number, labels, output)

    def cost(self, pair):
        """Return the number of multiplications that a pair takes."""
        return math.prod(self.lengths({*pair[0][1], *pair[1][1]}))

    def summed(self, which, operands, output):
        """Sum over the labels that stand in no other operand and not in the output."""
        number, labels = operands[which]
        others = (x for i, (_, x) in enumerate(operands) if i != which)
        needed = set(output).union(*others)
        axes = tuple(i for i, label in enumerate(labels) if label not in needed)
        if axes:
            number = self.add(_sum, (number,), axes)
        return number, tuple(label for label in labels if label in needed)

    def joined(self, first, second, needed, output):
        """Join two operands; ``output`` is the order asked of the last two."""
        inner = [x for x in first[1] if x in second[1] and x not in needed]
        every = dict.fromkeys((*first[1], *second[1]))
        order = output or [x for x in every if x in needed]
        batch = [x for x in order if x in first[1] and x in second[1]]
        left = [x for x in order if x in first[1] and x not in batch]
        right = [x for x in order if x in second[1] and x not in batch]
        if not inner:
            return self.multiplied(first, second, order), tuple(order)
        if left and right and order.index(right[0]) < order.index(left[0]):
            first, second, left, right = second, first, right, left
        matrices = (
            self.stacked(first, batch, left, inner),
            self.stacked(second, batch, inner, right),
        )
        number = self.add(_matmul, matrices)
        came = self.stack_shape(batch, left, right)
        labels = (*batch, *left, *right)
        return self.reshaped(number, came, self.lengths(labels)), labels

    def multiplied(self, first, second, order):
        """Multiply two operands element by element, with axes in an order."""
        spread = []
        for number, labels in (first, second):
            own = [x for x in order if x in labels]
            number = self.permuted(number, labels, own)
            shape = [self.sizes[x] if x in labels else 1 for x in order]
            spread.append(self.reshaped(number, self.lengths(own), shape))
        return self.add(_multiply, tuple(spread))

    def stacked(self, operand, batch, rows, columns):
        """Make a stack of matrices of an operand: merged rows, merged columns."""
        number, labels = operand
        order = (*batch, *rows, *columns)
        number = self.permuted(number, labels, order)
        shape = self.stack_shape(batch, rows, columns)
        return self.reshaped(number, self.lengths(order), shape)

    def stack_shape(self, batch, rows, columns):
        """Return the shape of a stack of matrices."""
        merged = (math.prod(self.lengths(part)) for part in (rows, columns))
        return (*self.lengths(batch), *merged)
