"""One call in both frameworks: its value, its gradients and the gradients of these.

Arguments are PyTorch's tensors. xdl gets Variables for those that require a gradient
and plain arrays for the others, so that both sides start from the same bits. The
second gradients are those of a random projection of the first ones, by the arguments
and by the gradient that came in.

``torch`` is imported here alone: where it is missing, tests that import it from here
are skipped.
"""

import numpy as np
import pytest

import xdl

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

VALUE, GRADIENT, SECOND_GRADIENT = "value", "gradient", "second_gradient"
ORDERS = (VALUE, GRADIENT, SECOND_GRADIENT)
TOLERANCE = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-9}


def in_torch(order, function, *args, **kwargs):
    """Return what ``order`` names as a list of arrays, computed by PyTorch."""
    draw = _drawing()
    outputs = _as_sequence(function(*args, **kwargs))
    if order == VALUE:
        return [y.numpy(force=True) for y in outputs]
    outputs = [y for y in outputs if y.requires_grad]
    leaves = [t for t in _tensors_in((args, kwargs)) if t.requires_grad]
    seeds = [_tensor(draw(y), y).requires_grad_() for y in outputs]
    firsts = _torch_gradients(outputs, leaves, seeds, create_graph=order != GRADIENT)
    if order == GRADIENT:
        return [g.numpy(force=True) for g in firsts]
    directions = [_tensor(draw(t), t) for t in leaves]
    return [
        g.numpy(force=True)
        for g in _torch_gradients(firsts, leaves + seeds, directions, False)
    ]


def in_xdl(order, function, *args, is_strided=False, weights=(), **kwargs):
    """Return what ``order`` names as a list of arrays, computed by xdl.

    Args:
        order: one of ``ORDERS``.
        function: takes the arguments as Variables and arrays.
        *args, **kwargs: with PyTorch's tensors in them, perhaps in lists and tuples.
        is_strided: hand out arguments whose memory is not contiguous.
        weights: trainable Variables that the function uses besides its arguments;
            their gradients come after those of the arguments.
    """
    draw = _drawing()
    leaves, given = _variables_of(_tensors_in((args, kwargs)), is_strided)
    leaves += weights
    args, kwargs = _mapped(lambda t: given[id(t)], (args, kwargs))
    outputs = _as_sequence(function(*args, **kwargs))
    if order == VALUE:
        return [y.numpy() for y in outputs]
    outputs = [y for y in outputs if y.trainable]
    seeds = [xdl.Variable(draw(y), dtype=y.dtype) for y in outputs]
    firsts = _xdl_gradients(outputs, leaves, seeds, create_graph=order != GRADIENT)
    if order == GRADIENT:
        return firsts
    directions = [xdl.Variable(draw(v), dtype=v.dtype) for v in leaves]
    return _xdl_gradients(firsts, leaves + seeds, directions, create_graph=False)


def assert_same(expected, actual, tolerance=None):
    """Assert that two lists of arrays agree in number, shapes, dtypes and values."""
    assert len(expected) == len(actual)
    for theirs, ours in zip(expected, actual, strict=True):
        assert theirs.shape == ours.shape
        assert theirs.dtype == ours.dtype
        allowed = tolerance or TOLERANCE.get(str(theirs.dtype), 0.0)
        np.testing.assert_allclose(ours, theirs, rtol=allowed, atol=allowed)


def _drawing():
    """Return a function that draws for the shape of what it is given.

    Both frameworks call it in one order, so both get the same numbers.
    """
    rng = np.random.default_rng(0)
    return lambda like: rng.standard_normal(tuple(like.shape))


def _tensor(array, like):
    return torch.from_numpy(np.asarray(array)).to(like.dtype)


def _torch_gradients(outputs, leaves, seeds, create_graph):
    connected = [i for i, y in enumerate(outputs) if y.requires_grad]
    if not connected:
        return [torch.zeros_like(t) for t in leaves]
    found = torch.autograd.grad(
        [outputs[i] for i in connected],
        leaves,
        [seeds[i] for i in connected],
        create_graph=create_graph,
        allow_unused=True,
    )
    pairs = zip(found, leaves, strict=True)
    return [torch.zeros_like(t) if g is None else g for g, t in pairs]


def _xdl_gradients(outputs, leaves, seeds, create_graph):
    """Return the gradients that ``outputs`` send to ``leaves``, zeros for none."""
    for leaf in leaves:
        leaf.clear_grad()
    for y, seed in zip(outputs, seeds, strict=True):
        if isinstance(y, xdl.Variable) and y.trainable:
            gy = seed if create_graph else seed.numpy()
            y.backward(gy, retain_graph=True, create_graph=create_graph)
    return [np.zeros(v.shape, v.dtype) if v.grad is None else v.grad for v in leaves]


def _variables_of(tensors, is_strided):
    """Return the trainable Variables, and what stands for each tensor, by its id."""
    leaves, given = [], {}
    for tensor in tensors:
        array = tensor.numpy(force=True)
        if not tensor.requires_grad:
            given[id(tensor)] = array
            continue
        leaf = xdl.Variable(array)
        leaves.append(leaf)
        given[id(tensor)] = _strided(leaf) if is_strided else leaf
    return leaves, given


def _strided(variable):
    """Return the same elements of the graph with a gap between each two in memory."""
    column = xdl.expand_dims(variable, -1)
    return xdl.concat([column, column], -1)[..., 0]


def _as_sequence(result):
    return result if isinstance(result, list | tuple) else [result]


def _mapped(change, tree):
    if isinstance(tree, torch.Tensor):
        return change(tree)
    if isinstance(tree, list | tuple):
        return type(tree)(_mapped(change, item) for item in tree)
    if isinstance(tree, dict):
        return {key: _mapped(change, item) for key, item in tree.items()}
    return tree


def _tensors_in(tree):
    """Return the tensors in ``tree``, each once."""
    found = {}
    _mapped(lambda t: found.setdefault(id(t), t), tree)
    return list(found.values())
