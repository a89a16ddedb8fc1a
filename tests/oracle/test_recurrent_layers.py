"""LSTM, GRU and RNN trained beside PyTorch's from the same weights."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

STEPS = 20
OPTIONS = {
    "one": {},
    "stacked": {"layers": 2, "bidirectional": True, "batch_first": True},
}


def _pairs(ours, theirs):
    """Yield each weight of ours and its counterpart, for every layer and direction."""
    for name, variable in ours.parameter.items():
        kind, _, place = name.partition("_0") if "_0" in name else name.partition("_1")
        index = 0 if "_0" in name else 1
        known = {"weight": "weight_ih", "hidden_weight": "weight_hh"}
        known |= {"bias": "bias_ih", "hidden_bias": "bias_hh"}
        yield variable, getattr(theirs, f"{known[kind]}_l{index}{place}")


def _twins(name, options):
    """Return a layer of ours and PyTorch's with its weights.

    Where ours has one bias, the second one of PyTorch stays at zero.
    """
    ours = getattr(xdl.nn, name)(4, 5, **options)
    renamed = {"num_layers" if k == "layers" else k: v for k, v in options.items()}
    theirs = getattr(torch.nn, name)(4, 5, **renamed)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.zero_()
        for variable, parameter in _pairs(ours, theirs):
            parameter.copy_(torch.tensor(variable.numpy().T))
    paired = {id(parameter) for _, parameter in _pairs(ours, theirs)}
    for parameter in theirs.parameters():
        parameter.requires_grad_(id(parameter) in paired)
    return ours, theirs


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_layer_trains_as_torch_does(name, options, rng):
    ours, theirs = _twins(name, options)
    x = rng.standard_normal((6, 3, 4)).astype("f4")
    goal = rng.standard_normal((6, 3, 10 if options else 5)).astype("f4")
    tensors = torch.tensor(x), torch.tensor(goal)
    optimizer = xdl.SGD(ours, lr=0.5)
    trained = [p for p in theirs.parameters() if p.requires_grad]
    torch_optimizer = torch.optim.SGD(trained, lr=0.5)

    for _ in range(STEPS):
        loss = xdl.mean_squared_error(ours(x)[0], goal)
        loss.backward()
        optimizer.update()
        torch_optimizer.zero_grad()
        y, _ = theirs(tensors[0])
        torch_loss = torch.nn.functional.mse_loss(y, tensors[1])
        torch_loss.backward()
        torch_optimizer.step()

    np.testing.assert_allclose(loss.item(), torch_loss.item(), rtol=1e-4)
    for variable, parameter in _pairs(ours, theirs):
        np.testing.assert_allclose(
            variable.numpy().T, parameter.detach().numpy(), rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_masked_steps_give_what_packed_sequences_give_in_torch(name, rng):
    ours, theirs = _twins(name, OPTIONS["stacked"])
    x, lengths = rng.standard_normal((3, 6, 4)).astype("f4"), [6, 1, 4]
    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )

    y, state = ours(x, lengths=lengths)

    torch_y, torch_state = theirs(packed)
    torch_y, _ = rnn.pad_packed_sequence(torch_y, batch_first=True)
    both = (state, torch_state) if name == "LSTM" else ([state], [torch_state])
    for found, wanted in ((y, torch_y), *zip(*both, strict=True)):
        np.testing.assert_allclose(
            found.numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-6
        )
