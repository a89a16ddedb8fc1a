"""MLP, TransformerBlock and GPT trained beside PyTorch's layers, composed alike."""

import functools

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

nn, F = torch.nn, torch.nn.functional
STEPS = 20


def _encoder(size, heads):
    return nn.TransformerEncoderLayer(
        *(size, heads, 4 * size),
        dropout=0.0,
        activation=functools.partial(F.gelu, approximate="tanh"),
        batch_first=True,
        norm_first=True,
    )


def _later(length):
    return torch.ones(length, length, dtype=torch.bool).triu(1)


class _GPT(nn.Module):
    def __init__(self, tokens, context, size, heads, layers):
        super().__init__()
        self.embedding, self.positions = (
            nn.Embedding(rows, size) for rows in (tokens, context)
        )
        self.blocks = nn.ModuleList(_encoder(size, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(size)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, _later(tokens.shape[1]))
        return self.norm(x) @ self.embedding.weight.T


class _Block(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.block = _encoder(size, heads)

    def forward(self, x):
        return self.block(x, _later(x.shape[1]))


class _MLP(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        pairs = zip(sizes, sizes[1:], strict=False)
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairs)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


# From parts of xdl's names to those of PyTorch, whose weights are (out, in).
RENAMED = {
    "attention_norm/": "norm1/",
    "mlp_norm/": "norm2/",
    "attention/projection/": "self_attn/in_proj_",
    "attention/output/": "self_attn/out_proj/",
    "mlp/layers/0/": "linear1/",
    "mlp/layers/2/": "linear2/",
}
TABLES = ("embedding", "positions")


def _take_weights(theirs, ours):
    """Give PyTorch's layers the weights of xdl's."""
    tensors = dict(getattr(theirs, "block", theirs).named_parameters())
    for name, variable in ours.parameter.items():
        array = variable.numpy()
        if not name.startswith(TABLES):
            array = array.T
        for part, renamed in RENAMED.items():
            name = name.replace(part, renamed)
        tensors.pop(name.replace("/", ".")).data.copy_(torch.tensor(array))
    assert not tensors


USES = {
    "MLP": (lambda: xdl.models.MLP([4, 8, 5]), lambda: _MLP(4, 8, 5)),
    "TransformerBlock": (lambda: xdl.nn.TransformerBlock(8, 2), lambda: _Block(8, 2)),
    "GPT": (
        lambda: xdl.models.GPT(tokens=7, context=6, size=8, heads=2, layers=2),
        lambda: _GPT(7, 6, 8, 2, 2),
    ),
}


def _data(name, rng):
    if name == "GPT":
        return rng.integers(0, 7, (3, 5)), rng.integers(0, 7, (3, 5))
    shape = (3, 5, 8) if name == "TransformerBlock" else (6, 4)
    x = rng.standard_normal(shape).astype("f4")
    return x, rng.integers(0, shape[-1], shape[:-1])


@pytest.mark.parametrize("name", USES)
def test_20_steps_lose_what_torch_loses(name, rng):
    ours, theirs = (make() for make in USES[name])
    _take_weights(theirs, ours)
    x, target = _data(name, rng)
    options = {"causal": True} if name == "TransformerBlock" else {}
    optimizer = xdl.SGD(ours, lr=0.1)
    torch_optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    losses, expected = [], []

    for _ in range(STEPS):
        loss = xdl.softmax_cross_entropy(ours(x, **options), target)
        loss.backward()
        optimizer.update()
        losses.append(loss.item())
        torch_optimizer.zero_grad()
        scores = theirs(torch.tensor(x))
        loss = F.cross_entropy(scores.flatten(0, -2), torch.tensor(target).flatten())
        loss.backward()
        torch_optimizer.step()
        expected.append(loss.item())

    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    assert losses[-1] < losses[0]
