"""The operation classes of xdl.ops, for the tests that go through all of them."""

import importlib
import pkgutil

import pytest

from xdl import ops
from xdl.core.case import Case
from xdl.core.op import Op

# Inputs of floating dtype that an operation says it has no gradient for.
NOT_DIFFERENTIABLE = {"NllLoss": ["weight"], "WeightedSoftmaxCrossEntropy": ["weight"]}


def operations():
    """Return every operation class of xdl.ops, those of subclasses too, by name."""
    for info in pkgutil.walk_packages(ops.__path__, "xdl.ops."):
        importlib.import_module(info.name)  # else they are loaded at their first use
    waiting = [Op]
    for cls in waiting:  # grows while it is walked
        waiting += cls.__subclasses__()
    ours = {cls for cls in waiting if cls.__module__.startswith("xdl.ops.")}
    return sorted(ours, key=lambda cls: cls.__qualname__)


def with_onnx():
    """Return those with cases that ONNX has an operator for, or several."""
    return [cls for cls in with_cases() if cls.onnx or cls.to_onnx is not Op.to_onnx]


def with_cases():
    """Return those that have cases."""
    return [cls for cls in operations() if cls.cases]


def cases_of(kind=Case, has=lambda op_class, case: True):
    """Return what a test of every operation and case is parametrised with.

    Args:
        kind: of case.
        has: called with an operation's class and its case: whether it is one of them.
    """
    return [
        pytest.param(op_class, case, id=f"{op_class.__name__}-{i}")
        for op_class in with_cases()
        for i, case in enumerate(op_class.cases)
        if type(case) is kind and has(op_class, case)
    ]
