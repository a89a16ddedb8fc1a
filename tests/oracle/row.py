"""How a function of xdl.ops and its counterpart in PyTorch are called."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.support.counterparts import class_of, named, options_there
from tests.support.operations import operations


@dataclass(frozen=True)
class Row:
    """One function of xdl.ops beside one of PyTorch.

    What is called there, and with which options, says the operation's class, or the
    decorator of a function that is made of operations. The rest is for what PyTorch
    needs otherwise.

    Attributes:
        name: the name in ``xdl.ops``.
        samples: names in the operator database; default: those that the class says.
        as_torch: calls PyTorch with the inputs and options of a ``Case``.
        as_xdl: calls xdl with the arguments of a sample; it may skip the test.
        constant: names of the inputs that have no gradient in either framework.
        op: the name of the class that holds the cases; default: the function's.
        differs: from the name and number of a sample, ``"cat-5"``, or its name and an
            order of derivative, ``"cat second_gradient"``, or the number of an error
            input, ``"error t-0"``, or that of a case with an order of derivative,
            ``"case 4 second_gradient"``, to why xdl does otherwise on purpose.
    """

    name: str
    samples: tuple | None = None
    as_torch: Callable | None = None
    as_xdl: Callable | None = None
    constant: tuple = ()
    op: str = ""
    differs: dict = field(default_factory=dict)

    @property
    def function(self):
        """The function of xdl.ops."""
        return getattr(xdl.ops, self.name)

    @property
    def sample_names(self):
        """Names in the operator database."""
        chosen = self.said.samples if self.samples is None else self.samples
        return (self.said.name,) if chosen is None else chosen

    @cached_property
    def op_class(self):
        """The operation's class, or None for a function composed of others."""
        if not self.op:
            return class_of(self.name)
        return next(cls for cls in operations() if cls.__name__ == self.op)

    @property
    def owner(self):
        """The class, or the function where it has none: it names PyTorch's."""
        return self.function if self.op_class is None else self.op_class

    @cached_property
    def said(self):
        """What the class, or the function, says of PyTorch's."""
        return named(self.owner, "torch", self.name)

    def call_torch(self, *inputs, **options):
        """Call PyTorch as a ``Case`` says."""
        options = options_there(self.said, options)
        function = self.as_torch or attrgetter(self.said.name)(torch)
        return function(*inputs, **options)

    def call_xdl(self, *args, **kwargs):
        """Call xdl as a sample says, or skip what xdl has no argument for."""
        if self.as_xdl:
            return self.as_xdl(*args, **kwargs)
        ours = self.said.options
        kwargs = {ours.get(key, key): value for key, value in kwargs.items()}
        known = inspect.signature(self.function).parameters
        for key in kwargs:
            if key not in known:
                pytest.skip(f"xdl.{self.name} takes no {key}")
        if "axis" in ours.values():
            _skip_torch_axes(*args, **kwargs)
        return self.function(*args, **kwargs)


def _skip_torch_axes(x, axis=None, *rest, **options):
    if axis == () or axis == []:
        pytest.skip("an empty tuple of axes is every axis in PyTorch, none in xdl")
    if axis is not None and not isinstance(x, list | tuple) and x.ndim == 0:
        pytest.skip("PyTorch takes axis 0 of a single number, xdl and NumPy refuse it")


def no_single_numbers(function):
    """Return the function, for samples that have an axis."""

    def call(x, *arguments, **options):
        if x.ndim == 0:
            pytest.skip("a single number has no axis in xdl and NumPy")
        return function(x, *arguments, **options)

    return call
