"""Random operations: what one draws is named by its options, so it can be repeated."""

from __future__ import annotations

import math

from xdl.backend import random
from xdl.core.case import BadCase, Case
from xdl.core.op import Op, function_of
from xdl.core.option import number as as_number
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.typing import ArrayLike


class Dropout(Op):
    onnx = None  # ONNX has random numbers of its own; a model that predicts has none
    cases = (
        Case([(4, 5)]),
        Case([(3, 4)], {"p": 0.2, "key": 2**70 + 5, "number": 3}),
        Case([()], {"p": 0.25}),
        Case([(2, 3)], {"p": 1.0}),
        Case([(2, 3)], {"p": 0.001}),
        Case([(0, 4)]),
        BadCase([(2,)], ArgumentError, "p 1.5 came", {"p": 1.5}),
        BadCase([(2,)], ArgumentError, "p -1 came", {"p": -1}),
    )
    floating = True
    residuals = ("mask",)

    def __init__(self, p=0.5, key=0, number=0):
        """Make the operation.

        Args:
            p: the probability of 0.
            key, number: the name of its random bits, from ``random.next_draw(0)``.
        """
        self.p = float(as_number("Dropout", "p", p, low=0, high=1))
        self.key, self.number = key, number

    def compute(self, xp, x):
        if self.p < 1 and xp.fused is not None and xp.fused.takes(x):
            return xp.fused.dropout(x, self.p, self.key, self.number)
        if self.p == 1:
            mask = xp.astype(xp.new_zeros(x, x.shape), "bool")
        else:
            # 16 bits take half the time of 32, and resolve all usual probabilities.
            width = 16 if 0.01 <= self.p <= 0.99 else 32
            bits = xp.random_bits(x, x.shape, width, self.key, self.number)
            mask = bits >= math.floor(self.p * 2**width)
        return self._chosen(xp, x, mask), mask

    def gradient(self, xp, gy, mask):
        return (self._chosen(xp, gy, mask),)

    def _chosen(self, xp, x, mask):
        if self.p < 1 and xp.fused is not None and xp.fused.takes(x):
            return xp.fused.kept(x, mask, self.p)
        y = xp.zero_unless(mask, x)
        if self.p < 1:
            y *= 1 / (1 - self.p)
        return y

    def rewrap(self, node, wrap):
        """Take the mask as it was drawn: it is a constant."""
        return [wrap(node.kept[0], None)]


@function_of(Dropout)
def dropout(x: ArrayLike, p: float = 0.5, training: bool = True) -> Variable:
    """Set elements to 0 at random, whatever they are, and divide the others by 1 - p.

    The mean stays as it was. Which elements stay follows from ``xdl.seed`` and the
    number of calls since; the choice is a constant in the gradient.

    Args:
        x: an array of any shape; integers become floats.
        p: the probability of 0, from 0 to 1; default 0.5.
        training: if False, ``x`` is returned as it is; default True.

    Returns:
        An array of the same shape; zeros for ``p = 1``.

    Raises:
        ArgumentError: ``p`` is outside [0, 1].

    Example:
        >>> import xdl
        >>> xdl.seed(0)
        >>> sorted(set(xdl.dropout([3.0] * 100, 0.25).numpy().tolist()))
        [0.0, 4.0]

    Reference: Srivastava et al., "Dropout", 2014, section 4; the bits are those of
    Philox 4x64-10: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.
    """
    p = as_number("Dropout", "p", p, low=0, high=1)
    if training and p != 0:
        y = Dropout(p, *random.next_draw(0))(x)
        random.draw_for_forward()
        return y
    return as_variable(x)
