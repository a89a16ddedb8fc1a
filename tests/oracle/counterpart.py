"""What a row of the table in ``torch_counterparts.py`` says, and how it is called."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.support.operations import operations


@dataclass(frozen=True)
class Counterpart:
    """One function of xdl.ops beside one of PyTorch.

    Attributes:
        name: the name in ``xdl.ops``.
        torch: the name in ``torch``, or ``nn.functional.<name>``.
        options: from xdl's name of a keyword to PyTorch's.
        samples: names in the operator database, with ``:variant`` where it has one;
            default: that of ``torch``.
        as_torch: calls PyTorch with the inputs and options of a ``Case``.
        as_xdl: calls xdl with the arguments of a sample; it may skip the test.
        constant: names of the inputs that have no gradient in either framework.
        op: the class that holds the cases; default: the one with the function's name.
        differs: from the name and number of a sample, ``"cat-5"``, or its name and an
            order of derivative, ``"cat second_gradient"``, or the number of an error
            input, ``"error t-0"``, or that of a case with an order of derivative,
            ``"case 4 second_gradient"``, to why xdl does otherwise on purpose.
    """

    name: str
    torch: str = ""
    options: dict = field(default_factory=dict)
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
        return (self.torch or self.name,) if self.samples is None else self.samples

    @cached_property
    def op_class(self):
        """The operation's class, or None for a function composed of others."""
        wanted = (self.op or self.name).replace("_", "").lower()
        found = [cls for cls in operations() if cls.__name__.lower() == wanted]
        return found[0] if found else None

    def call_torch(self, *inputs, **options):
        """Call PyTorch as a ``Case`` says."""
        renamed = {self.options.get(key, key): value for key, value in options.items()}
        if self.as_torch:
            return self.as_torch(*inputs, **renamed)
        function = attrgetter(self.torch or self.name)(torch)
        return function(*inputs, **renamed)

    def call_xdl(self, *args, **kwargs):
        """Call xdl as a sample says, or skip what xdl has no argument for."""
        if self.as_xdl:
            return self.as_xdl(*args, **kwargs)
        ours = {theirs: our for our, theirs in self.options.items()}
        kwargs = {ours.get(key, key): value for key, value in kwargs.items()}
        known = inspect.signature(self.function).parameters
        for key in kwargs:
            if key not in known:
                pytest.skip(f"xdl.{self.name} takes no {key}")
        if self.options.keys() & {"axis"}:
            _skip_torch_axes(*args, **kwargs)
        return self.function(*args, **kwargs)


def _skip_torch_axes(x, axis=None, *rest, **options):
    if axis == () or axis == []:
        pytest.skip("an empty tuple of axes is every axis in PyTorch, none in xdl")
    if axis is not None and not isinstance(x, list | tuple) and x.ndim == 0:
        pytest.skip("PyTorch takes axis 0 of a single number, xdl and NumPy refuse it")
