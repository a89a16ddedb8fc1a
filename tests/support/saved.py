"""Saved programs, loaded, beside what eager code gives."""

import importlib.util

import numpy as np

from xdl import Variable
from xdl.program.pytree import leaves


def loaded(program, path):
    """Save a program and load its file."""
    program.save(path)
    spec = importlib.util.spec_from_file_location("saved", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbers_of(returned):
    """Return what a step returned, flat, as NumPy has it."""
    return [
        np.asarray(x.numpy() if isinstance(x, Variable) else x)
        for x in leaves(returned)
    ]


def differing(expected, actual, rtol=2e-5):
    """Return the numbers of the results that differ by more than rounding."""
    pairs = zip(numbers_of(expected), numbers_of(actual), strict=True)
    return [
        i
        for i, (a, b) in enumerate(pairs)
        if (a.shape, a.dtype) != (b.shape, b.dtype)
        or not np.allclose(a, b, rtol=rtol, atol=1e-6, equal_nan=True)
    ]
