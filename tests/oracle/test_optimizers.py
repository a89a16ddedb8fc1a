"""The optimizers beside PyTorch's: 20 steps from the same weights."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

SETTINGS = {
    "RMSprop": [
        {},
        {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.01},
    ],
    "Adagrad": [
        {},
        {"lr_decay": 0.1, "weight_decay": 0.1},
        {"initial_accumulator_value": 0.5, "eps": 1e-2},
    ],
    "Adadelta": [{}, {"rho": 0.5, "eps": 1e-3, "weight_decay": 0.1, "lr": 0.5}],
    "Adam": [
        {},
        {"betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.1},
        {"amsgrad": True, "betas": (0.0, 0.5)},
    ],
    "AdamW": [{}, {"weight_decay": 0.5, "lr": 0.1}, {"amsgrad": True}],
    "NAdam": [
        {},
        {"betas": (0.5, 0.9), "momentum_decay": 0.1, "weight_decay": 0.1},
        {"decoupled_weight_decay": True, "weight_decay": 0.5},
    ],
    "RAdam": [
        {},
        {"betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.1},
        {"betas": (0.9, 0.5)},
        {"decoupled_weight_decay": True, "weight_decay": 0.5},
    ],
}
each_setting = pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(name, options, id=f"{name}-{i}")
        for name, settings in SETTINGS.items()
        for i, options in enumerate(settings)
    ],
)


def _ours(optimizer, weight, goal):
    for _ in range(20):
        xdl.sum(xdl.square(weight - goal) + xdl.exp(weight * 0.1)).backward()
        optimizer.update()
    return weight.numpy()


def _theirs(optimizer, weight, goal):
    for _ in range(20):
        optimizer.zero_grad()
        ((weight - torch.tensor(goal)) ** 2 + (weight * 0.1).exp()).sum().backward()
        optimizer.step()
    return weight.detach().numpy()


@pytest.fixture
def _double_is_the_default():
    """Let PyTorch keep NAdam's product of momentums in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_double_is_the_default")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_setting
def test_20_steps(name, options, dtype, rng):
    start, goal = rng.normal(size=(2, 5, 3)).astype(dtype)
    ours, theirs = xdl.Variable(start), torch.tensor(start, requires_grad=True)
    reference = getattr(torch.optim, name)([theirs], **options)
    optimizer = getattr(xdl.optim, name)([ours], **options)

    expected = _theirs(reference, theirs, goal)
    actual = _ours(optimizer, ours, goal)

    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(actual, expected, tolerance, tolerance)
    assert not np.allclose(start, actual, 0, 1e-3)


@pytest.mark.parametrize("name", [*SETTINGS, "SGD"])
def test_defaults_are_those_of_pytorch(name):
    theirs = getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)]).defaults

    ours = getattr(xdl.optim, name)([xdl.Variable([0.0])]).options()

    assert {k: theirs[k] for k in ours} == ours


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nesterov": False, "momentum": 0.5, "weight_decay": 0.0},
        {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
    ],
)
def test_20_steps_of_muon_in_full_precision(shape, options, rng, monkeypatch):
    # PyTorch makes the momentum orthogonal in bfloat16, and has (outputs, inputs).
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    start, goal = rng.normal(size=(2, *shape))
    ours = xdl.Variable(start)
    theirs = torch.tensor(start.T.copy(), requires_grad=True)
    reference = torch.optim.Muon([theirs], lr=0.05, **options)
    optimizer = xdl.optim.Muon([ours], lr=0.05, **options)

    expected = _theirs(reference, theirs, goal.T.copy()).T
    actual = _ours(optimizer, ours, goal)

    np.testing.assert_allclose(actual, expected, 1e-9, 1e-9)


def test_muon_has_the_defaults_of_pytorch():
    theirs = torch.optim.Muon([torch.zeros(1, 1, requires_grad=True)]).defaults

    ours = xdl.optim.Muon([xdl.Variable([[0.0]])]).options()

    assert {**theirs, "adjust_lr_fn": "original"} == ours


def test_clip_grad_norm_is_pytorchs(rng):
    gradients = [rng.normal(size=shape) for shape in [(3, 4), (5,), ()]]
    ours = [xdl.Variable(np.zeros(g.shape)) for g in gradients]
    theirs = [torch.zeros(g.shape, dtype=torch.float64) for g in gradients]
    for variable, tensor, grad in zip(ours, theirs, gradients, strict=True):
        variable.grad = grad
        tensor.grad = torch.tensor(grad)

    expected = torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    actual = xdl.optim.clip_grad_norm(ours, 0.5)

    np.testing.assert_allclose(actual.item(), expected.item(), 1e-14)
    for variable, tensor in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(variable.grad, tensor.grad.numpy(), 1e-14)


def test_clip_grad_value_is_pytorchs(rng):
    grad = rng.normal(size=(3, 4))
    ours, theirs = xdl.Variable(np.zeros((3, 4))), torch.zeros(3, 4).double()
    ours.grad, theirs.grad = grad, torch.tensor(grad)

    torch.nn.utils.clip_grad_value_([theirs], 0.5)
    xdl.optim.clip_grad_value([ours], 0.5)

    assert theirs.grad.numpy().tolist() == ours.grad.tolist()


def test_ema_is_pytorchs_averaged_model(rng):
    values = rng.normal(size=(6, 3))
    theirs = torch.nn.Linear(3, 1, bias=False, dtype=torch.float64)
    ours = xdl.Variable(values[0])
    theirs.weight.data[:] = torch.tensor(values[0])
    average_of = torch.optim.swa_utils.get_ema_multi_avg_fn(0.75)
    reference = torch.optim.swa_utils.AveragedModel(theirs, multi_avg_fn=average_of)
    reference.update_parameters(theirs)  # its first call copies
    ema = xdl.optim.EMA([ours], decay=0.75)

    for value in values[1:]:
        ours.value = value
        theirs.weight.data[:] = torch.tensor(value)
        ema.update()
        reference.update_parameters(theirs)

    expected = reference.module.weight.detach().numpy()[0]
    np.testing.assert_allclose(ema.average["0"].numpy(), expected, 1e-14)
