"""What a node of ONNX is to the functions that compute it with xdl's operations."""

from dataclasses import dataclass, field

import numpy as np

import xdl


class LeftOut(Exception):  # noqa: N818  (it is no error)
    """A sample that xdl has no way to say; the text is the reason it is counted by."""


@dataclass
class Call:
    """One node: its options, the version of its operators, and its graphs.

    Attributes:
        op_type: the operator's name.
        options: from an attribute's name to its value.
        opset: the version of the set that the operator is taken from.
        outputs: how many results are asked for.
        run: computes a graph that is an attribute, given the values of its inputs.
    """

    op_type: str
    options: dict
    opset: int
    outputs: int
    run: object = field(repr=False, default=None)

    def get(self, name, usual=None):
        """Return an option, text as str."""
        value = self.options.get(name, usual)
        return value.decode() if isinstance(value, bytes) else value


def data(array):
    """Return an array as data, in its own dtype."""
    return xdl.Variable(np.asarray(array), trainable=False)


def ints(value):
    """Return integers that say a shape or axes as a list."""
    return None if value is None else value.numpy().reshape(-1).tolist()


def number(value):
    """Return an array of one element as a Python number."""
    return None if value is None else value.numpy().item()


def is_floating(x):
    """Tell whether an array holds floating numbers."""
    return np.dtype(x.dtype).kind == "f"


def like(x, value):
    """Return a number as data of the dtype of ``x``."""
    return data(np.asarray(value, x.dtype))
