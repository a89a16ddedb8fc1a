"""Samples of an operation's use, kept beside it; the tests are generated from them."""

from typing import NamedTuple


class Case(NamedTuple):
    """One use that must work.

    Attributes:
        inputs: for each input a tuple (the shape of a float array to draw), or a list
            (a literal array, for indices and labels); None for an optional input.
        options: the arguments of the operation's class.
        low, high: the range that the float arrays are drawn from.
        smooth: whether the gradient exists everywhere in that range.
    """

    inputs: list
    options: dict = {}
    low: float = -2.0
    high: float = 2.0
    smooth: bool = True


class BadCase(NamedTuple):
    """One use that must be refused.

    Attributes:
        inputs, options: as in ``Case``.
        error: the class of the error.
        says: a part of its sentence.
    """

    inputs: list
    error: type
    says: str
    options: dict = {}


class Onnx(NamedTuple):
    """How an operation is called in ONNX: one node, its options in their places.

    Options that are None are left out, inputs in the middle too.

    Attributes:
        name: the operator's name.
        attributes: from ONNX's attribute name to the option that holds its value.
        inputs: options that ONNX takes as further integer inputs, in order.
        numbers: options that ONNX takes as further inputs, numbers of the dtype of the
            first input, in order.
        fixed: attributes that are the same for every instance, with their values.
    """

    name: str
    attributes: dict = {}
    inputs: tuple = ()
    numbers: tuple = ()
    fixed: dict = {}
