"""PyTorch's database of optimizers: its samples, ten steps of each beside xdl's."""

import collections

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.twins import DTYPES  # and what the database needs

optimizers = pytest.importorskip("torch.testing._internal.common_optimizers")

# From a problem to the shapes of its weights, the scale of their gradients, and how
# often the last weight has one.
PROBLEMS = {
    "a number": ([()], 1.0, 1),
    "a vector": ([(5,)], 1.0, 1),
    "a matrix": ([(4, 6)], 1.0, 1),
    "a tall matrix": ([(6, 4)], 1.0, 1),
    "two matrices": ([(5, 5), (1, 3)], 1.0, 1),
    "a layer": ([(4, 3), (3,)], 1.0, 1),
    "windows": ([(2, 3, 2, 2)], 1.0, 1),
    "an empty weight": ([(0, 3), (3,)], 1.0, 1),
    "large gradients": ([(5,)], 1e3, 1),
    "small gradients": ([(5,)], 1e-6, 1),
    "no gradients but zeros": ([(4,)], 0.0, 1),
    "gradients now and then": ([(3,), (2, 2)], 1.0, 3),
}
STEPS = 10
SAMPLES = {
    (name, i): sample
    for info in optimizers.optim_db
    for name in [info.optim_cls.__name__]
    for i, sample in enumerate(info.optim_inputs_func(device="cpu"))
}
NOT_MUONS = "Muon takes matrices alone"
NO_DAMPENING = "xdl's SGD has no dampening"
NEEDS_CLOSURE = "LBFGS takes a closure: compared in a test of its own"


def left_out(name, number, problem):
    """Return why a sample is not compared on a problem, or None."""
    if not hasattr(xdl.optim, name):
        return f"xdl has no {name}"
    if "dampening" in SAMPLES[name, number].kwargs:
        return NO_DAMPENING
    if name == "LBFGS":
        return NEEDS_CLOSURE
    shapes = PROBLEMS[problem][0]
    if name == "Muon" and {len(shape) for shape in shapes} != {2}:
        return NOT_MUONS
    return None


USES = [
    (name, i, problem, dtype)
    for name, i in SAMPLES
    for problem in PROBLEMS
    for dtype in DTYPES
]


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """Let PyTorch keep NAdam's product in float64, and Muon's momentum in its dtype."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _options(sample):
    """Return the options of a sample in xdl's words, and the sign of its gradients."""
    options = {
        key: value.item() if isinstance(value, torch.Tensor) else value
        for key, value in sample.kwargs.items()
    }
    return options, -1.0 if options.pop("maximize", False) else 1.0


def _gradients(weights, goals, problem, step):
    """Return a gradient for each weight, None for one that has none at this step."""
    _, scale, every = PROBLEMS[problem]
    found = [
        ((1 + step / 10) * scale * (weight - goal)).astype(weight.dtype)
        for weight, goal in zip(weights, goals, strict=True)
    ]
    return found if step % every == 0 else [*found[:-1], None]


@pytest.mark.parametrize(("name", "number", "problem", "dtype"), USES)
def test_ten_steps_give_the_weights_of_torch(name, number, problem, dtype, rng):
    if reason := left_out(name, number, problem):
        pytest.skip(reason)
    sample, shapes = SAMPLES[name, number], PROBLEMS[problem][0]
    options, sign = _options(sample)
    starts, goals = (
        [np.asarray(rng.normal(size=s), dtype) for s in shapes] for _ in "12"
    )
    # A matrix of Muon's has the outputs first in PyTorch, and last in xdl.
    turned = np.transpose if name == "Muon" else np.asarray
    ours = [xdl.Variable(start) for start in starts]
    theirs = [torch.tensor(turned(s).copy(), requires_grad=True) for s in starts]
    optimizer = getattr(xdl.optim, name)(ours, **options)
    exact = {k: v.double() for k, v in sample.kwargs.items() if hasattr(v, "double")}
    reference = getattr(torch.optim, name)(theirs, **(sample.kwargs | exact))

    for step in range(STEPS):
        mine = _gradients([v.numpy() for v in ours], goals, problem, step)
        known = [turned(t.detach().numpy()) for t in theirs]
        for variable, grad in zip(ours, mine, strict=True):
            variable.grad = None if grad is None else sign * grad
        given = _gradients(known, goals, problem, step)
        for tensor, grad in zip(theirs, given, strict=True):
            tensor.grad = None if grad is None else torch.tensor(turned(grad).copy())
        optimizer.update()
        reference.step()

        rtol, atol = (1e-4, 1e-5) if dtype == "float32" else (1e-9, 1e-10)
        for variable, tensor in zip(ours, theirs, strict=True):
            expected = turned(tensor.detach().numpy())
            np.testing.assert_allclose(variable.numpy(), expected, rtol, atol)


# Where gradients are small, the tolerances decide, in an order of each one's own.
LBFGS_USES = [
    use[1:] for use in USES if use[0] == "LBFGS" and use[2] != "small gradients"
]


@pytest.mark.parametrize(("number", "problem", "dtype"), LBFGS_USES)
def test_updates_with_a_closure_give_the_weights_of_torch(number, problem, dtype, rng):
    sample, shapes = SAMPLES["LBFGS", number], PROBLEMS[problem][0]
    options, _ = _options(sample)
    options = {"history_size": 100, "line_search_fn": None} | options
    starts, goals = (
        [np.asarray(rng.normal(size=s), dtype) for s in shapes] for _ in "12"
    )
    ours = [xdl.Variable(start) for start in starts]
    theirs = [torch.tensor(start, requires_grad=True) for start in starts]
    optimizer = xdl.optim.LBFGS(ours, **options)
    reference, at = torch.optim.LBFGS(theirs, **options), []

    def mine():
        known = [v.numpy() for v in ours]
        found = _gradients(known, goals, problem, at[-1])
        for variable, grad in zip(ours, found, strict=True):
            variable.grad = grad
        return xdl.Variable(_loss(known, goals, found))

    def other():
        known = [t.detach().numpy() for t in theirs]
        found = _gradients(known, goals, problem, at[-1])
        for tensor, grad in zip(theirs, found, strict=True):
            tensor.grad = None if grad is None else torch.tensor(grad)
        return torch.tensor(_loss(known, goals, found))

    for step in range(3):
        at.append(step)
        optimizer.update(mine)
        reference.step(other)

    rtol, atol = (1e-3, 1e-4) if dtype == "float32" else (1e-6, 1e-7)
    for variable, tensor in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(variable.numpy(), tensor.detach(), rtol, atol)


def _loss(weights, goals, gradients):
    """Return the loss whose gradients these are."""
    triples = zip(weights, goals, gradients, strict=True)
    parts = [0.5 * ((w - g) * dw).sum() for w, g, dw in triples if dw is not None]
    return float(sum(parts))


def test_every_sample_is_compared_or_left_out_for_a_stated_reason():
    reasons = collections.Counter(left_out(*use[:3]) for use in USES)
    compared = reasons.pop(None)

    assert compared >= 949
    assert reasons == {
        "xdl has no ASGD": 168,
        "xdl has no Adafactor": 120,
        "xdl has no Adamax": 120,
        "xdl has no Rprop": 120,
        "xdl has no SparseAdam": 96,
        NEEDS_CLOSURE: 120,
        NO_DAMPENING: 24,
        NOT_MUONS: 126,
    }
