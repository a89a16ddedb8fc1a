"""Modules of PyTorch beside what says the same in xdl, from the same weights."""

import contextlib
import functools
import warnings

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import GRADIENT, VALUE, in_torch, in_xdl, torch
from tests.oracle.nodes.call import LeftOut
from xdl import backend

pytest.importorskip("expecttest", reason="expecttest is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the database warns of its own past
    from torch.testing._internal.common_modules import module_db

DTYPES = ("float32", "float64")
MODES = {"train": True, "eval": False}


class Twin:
    """What says in xdl what a module of PyTorch says.

    Attributes:
        call: takes the arguments of the module, as Variables and arrays, and returns
            its outputs.
        weights: a list of (a Variable of ours, names of PyTorch's parameters that add
            up to it, a function that makes one of them an array of ours).
        statistics: from the names of PyTorch's buffers to Variables that equal them
            after a call.
    """

    def __init__(self, call, weights=(), statistics=None):
        self.call, self.weights = call, list(weights)
        self.statistics = statistics or {}


def same(array):
    """Return an array as it is: ours and PyTorch's have one layout."""
    return array


def layer_twin(theirs, layer, names, call=None, statistics=()):
    """Return the twin that is a layer of xdl with the weights of PyTorch's module.

    Args:
        theirs: the module of PyTorch.
        layer: the Module of xdl.
        names: from the name of a weight of ours to PyTorch's, or to a pair of its name,
            or of the names that add up to it, and a function that changes its layout.
        call: default: the layer.
        statistics: names that the running statistics have in both.
    """
    arrays = {n: t.numpy(force=True) for n, t in theirs.state_dict().items()}
    weights = []
    for ours, told in names.items():
        known, change = told if isinstance(told, tuple) else (told, same)
        known = [known] if isinstance(known, str) else known
        variable = layer.parameter[ours]
        variable.value = sum(change(arrays[name]) for name in known)
        weights.append((variable, known, change))
    for name in statistics:
        layer.parameter[name].value = arrays[name]
    layer.train() if theirs.training else layer.eval()
    return Twin(call or layer, weights, {n: layer.parameter[n] for n in statistics})


def function_twin(theirs, function):
    """Return the twin that is a function of the weights, by PyTorch's names."""
    weights = {
        name: xdl.Variable(parameter.numpy(force=True))
        for name, parameter in theirs.named_parameters()
    }
    listed = [(variable, [name], same) for name, variable in weights.items()]
    return Twin(functools.partial(function, weights), listed)


@contextlib.contextmanager
def default_dtype(name):
    """Make layers with weights of a dtype: it is the default while this lasts."""
    usual, backend.DEFAULT_DTYPE = backend.DEFAULT_DTYPE, name
    try:
        yield
    finally:
        backend.DEFAULT_DTYPE = usual


@functools.cache
def samples(name, mode, dtype):
    """Return the samples of a module of the database."""
    (info,) = [info for info in module_db if info.name == name]
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(
            info.module_inputs_func(
                info,
                device="cpu",
                dtype=getattr(torch, dtype),
                requires_grad=True,
                training=MODES[mode],
            )
        )


def made(name, mode, dtype, number):
    """Return PyTorch's module of a sample, and the arguments of a call."""
    (info,) = [info for info in module_db if info.name == name]
    sample = samples(name, mode, dtype)[number]
    given = sample.constructor_input
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = info.module_cls(*given.args, **given.kwargs)
    theirs = theirs.to(getattr(torch, dtype)).train(MODES[mode])
    given = sample.forward_input
    kwargs = dict(given.kwargs)
    first = (kwargs.pop("input"),) if "input" in kwargs else ()
    return theirs, first + given.args, kwargs


def assert_twins_agree(theirs, twin, args, kwargs, dtype, atol=None):
    """Compare the outputs, gradients and running statistics of one call."""
    parameters = dict(theirs.named_parameters())
    covered = [name for _, names, _ in twin.weights for name in names]
    assert sorted(covered) == sorted(parameters)
    start = {n: b.clone() for n, b in theirs.named_buffers()}
    count = len({id(t) for t in _trainable((args, kwargs))})

    def call(*args, parameters=None, **kwargs):
        theirs.load_state_dict(start, strict=False)
        return _flat(theirs(*args, **kwargs))

    def ours_called(*args, **kwargs):
        return _flat(twin.call(*args, **kwargs))

    ours = [variable for variable, _, _ in twin.weights]
    options = {"weights": ours, **kwargs}
    before = {n: v.numpy().copy() for n, v in twin.statistics.items()}
    for order in (VALUE, GRADIENT):
        for name, array in before.items():
            twin.statistics[name].value = array
        tensors = list(parameters.values())
        expected = in_torch(order, call, *args, parameters=tensors, **kwargs)
        actual = in_xdl(order, ours_called, *args, **options)
        if order == GRADIENT:
            found = dict(zip(parameters, expected[count:], strict=True))
            expected = expected[:count] + [
                change(found[names[0]]) for _, names, change in twin.weights
            ]
        _assert_close(expected, actual, dtype, atol)
    buffers = dict(theirs.named_buffers())
    for name, variable in twin.statistics.items():
        _assert_close([buffers[name].numpy()], [variable.numpy()], dtype)


def _assert_close(expected, actual, dtype, atol=None):
    rtol, usual = (1e-4, 1e-5) if dtype == "float32" else (1e-9, 1e-11)
    atol = usual if atol is None else atol
    assert len(expected) == len(actual)
    for theirs, ours in zip(expected, actual, strict=True):
        assert (theirs.shape, theirs.dtype) == (ours.shape, ours.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def _flat(outputs):
    if isinstance(outputs, list | tuple):
        return [part for output in outputs for part in _flat(output)]
    return [outputs] if outputs is not None else []


def _trainable(tree):
    if isinstance(tree, torch.Tensor):
        return [tree] if tree.requires_grad else []
    if isinstance(tree, torch.nn.utils.rnn.PackedSequence):
        raise LeftOut("packed sequences: test_recurrent_layers.py compares them")
    parts = tree.values() if isinstance(tree, dict) else tree
    if not isinstance(tree, dict | list | tuple):
        return []
    return [tensor for part in parts for tensor in _trainable(part)]
