"""Batches of no samples: empty results, and gradients of zeros for every weight."""

import numpy as np
import pytest

import xdl
from tests.support.strict import CPU
from xdl import ShapeError, Variable, nn
from xdl.backend import to_numpy
from xdl.program.pytree import leaves

RECURRENT = [nn.RNN, nn.LSTM, nn.GRU]
# A layer, the shape of what it is given, and of what it returns first.
LAYERS = {
    "Linear": (lambda: nn.Linear(3, 2), (0, 3), (0, 2)),
    "Conv1d": (lambda: nn.Conv1d(3, 2, 3), (0, 3, 8), (0, 2, 6)),
    "Conv2d": (lambda: nn.Conv2d(3, 2, 3, stride=2), (0, 3, 8, 8), (0, 2, 3, 3)),
    "Conv2d, depthwise": (
        lambda: nn.Conv2d(4, 4, 3, groups=4),
        (0, 4, 8, 8),
        (0, 4, 6, 6),
    ),
    "Conv3d": (lambda: nn.Conv3d(3, 2, 3), (0, 3, 5, 5, 5), (0, 2, 3, 3, 3)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 2, 3), (0, 3, 8), (0, 2, 10)),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(3, 2, 3, stride=2),
        (0, 3, 8, 8),
        (0, 2, 17, 17),
    ),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, padding=1), (0, 3, 8, 8), (0, 3, 3, 3)),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, padding=1), (0, 3, 8, 8), (0, 3, 3, 3)),
    "BatchNorm2d, eval": (
        lambda: nn.BatchNorm2d(3).eval(),
        (0, 3, 4, 4),
        (0, 3, 4, 4),
    ),
    "LayerNorm": (lambda: nn.LayerNorm(3), (0, 3), (0, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (0, 4, 3, 3), (0, 4, 3, 3)),
    "RMSNorm": (lambda: nn.RMSNorm(3), (0, 3), (0, 3)),
    "Dropout": (lambda: nn.Dropout(0.5), (0, 3), (0, 3)),
    "Flatten": (lambda: nn.Flatten(), (0, 3, 4), (0, 12)),
    "GELU": (lambda: nn.GELU(), (0, 3), (0, 3)),
    "MultiHeadAttention": (lambda: nn.MultiHeadAttention(4, 2), (0, 3, 4), (0, 3, 4)),
    "MultiHeadAttention, no positions": (
        lambda: nn.MultiHeadAttention(4, 2),
        (2, 0, 4),
        (2, 0, 4),
    ),
    "TransformerBlock": (lambda: nn.TransformerBlock(4, 2), (0, 3, 4), (0, 3, 4)),
    "TransformerBlock, no positions": (
        lambda: nn.TransformerBlock(4, 2),
        (2, 0, 4),
        (2, 0, 4),
    ),
    "Sequential": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(36, 5),
            nn.LayerNorm(5),
        ),
        (0, 1, 8, 8),
        (0, 5),
    ),
    **{
        f"{layer.__name__}, {name}": (
            lambda layer=layer, options=options: layer(2, 4, **options),
            (0, 3, 2) if options.get("batch_first") else (3, 0, 2),
            (0, 3, 8) if options.get("bidirectional") else (3, 0, 4),
        )
        for layer in RECURRENT
        for name, options in {
            "plain": {},
            "deep": {"layers": 2, "bidirectional": True, "batch_first": True},
        }.items()
    },
}


def _values(array):
    return set(to_numpy(array).ravel().tolist())


def _total(returned):
    return xdl.sum(xdl.stack([xdl.sum(part) for part in leaves(returned)]))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_a_batch_of_no_samples(name):
    make, shape, expected = LAYERS[name]
    layer, x = make(), Variable(np.zeros(shape, "f4"))

    returned = layer(x)
    _total(returned).backward()

    assert expected == leaves(returned)[0].shape
    assert shape == x.grad.shape
    for weight in layer.parameter.values():
        if weight.trainable:
            assert np.array_equal(np.zeros(weight.shape, "f4"), weight.grad)


@pytest.mark.parametrize("layer", RECURRENT)
def test_the_last_states_of_no_sequences_are_empty(layer):
    _, state = layer(2, 4, layers=2)(np.zeros((3, 0, 2)))

    assert {(2, 0, 4)} == {part.shape for part in leaves(state)}


@pytest.mark.parametrize("layer", RECURRENT)
def test_no_sequences_may_have_lengths(layer):
    y, _ = layer(2, 4)(np.zeros((3, 0, 2)), lengths=np.zeros(0, int))

    assert (3, 0, 4) == y.shape


@pytest.mark.parametrize("layer", RECURRENT)
def test_a_namespace_of_the_standard_takes_no_sequences(layer):
    strict = layer(2, 4).to(CPU)
    x = Variable(np.zeros((3, 0, 2), "f4")).to(CPU)

    y, _ = strict(x)
    xdl.sum(y).backward()

    assert ((3, 0, 4), (3, 0, 2)) == (y.shape, x.grad.shape)
    assert {0.0} == {v for w in strict.parameter.values() for v in _values(w.grad)}


@pytest.mark.parametrize("layer", RECURRENT)
def test_sequences_of_no_steps_are_refused(layer):
    with pytest.raises(ShapeError, match="t at least 1"):
        layer(2, 4)(np.zeros((0, 3, 2)))


@pytest.mark.parametrize("name", ["Conv2d", "LSTM, plain", "TransformerBlock"])
def test_a_compiled_step_takes_a_batch_of_no_samples(name):
    make, shape, expected = LAYERS[name]
    layer = make()
    optimizer = xdl.SGD(layer, lr=0.1)
    before = {name: weight.numpy() for name, weight in layer.parameter.items()}

    def step(x):
        returned = layer(x)
        _total(returned).backward()
        optimizer.update()
        return leaves(returned)[0]

    compiled = xdl.compile(step, layer, optimizer)
    shapes = [compiled(np.zeros(shape, "f4")).shape for _ in range(3)]

    assert [expected] * 3 == shapes
    assert all(np.array_equal(before[n], w.value) for n, w in layer.parameter.items())


# Attention without keys, queries or features.


@pytest.mark.parametrize("mask", [None, "booleans", "numbers"])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_to_no_keys_gives_zeros(mask, causal):
    shapes = [(2, 3, 4), (2, 0, 4), (2, 0, 5)]
    q, k, v = (Variable(np.ones(shape, "f4")) for shape in shapes)
    given = {"booleans": np.ones((3, 0), bool), "numbers": np.zeros((3, 0), "f4")}

    y = xdl.scaled_dot_product_attention(q, k, v, given.get(mask), causal)
    y.backward(np.ones(y.shape))

    assert np.array_equal(np.zeros((2, 3, 5)), y.value)
    assert np.array_equal(np.zeros((2, 3, 4)), q.grad)
    assert ((2, 0, 4), (2, 0, 5)) == (k.grad.shape, v.grad.shape)


def test_attention_by_no_features_takes_the_mean():
    q, k = Variable(np.ones((3, 0), "f4")), Variable(np.ones((2, 0), "f4"))
    v = Variable(np.array([[1.0, 5.0], [3.0, 7.0]], "f4"))

    y = xdl.scaled_dot_product_attention(q, k, v)
    y.backward(np.ones(y.shape))

    assert [[2.0, 6.0]] * 3 == y.numpy().tolist()
    assert np.array_equal(np.full((2, 2), 1.5), v.grad)
    assert ((3, 0), (2, 0)) == (q.grad.shape, k.grad.shape)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("pool", [xdl.max_pool1d, xdl.max_pool2d])
def test_padded_max_pooling_keeps_the_dtype_of_integers(pool, dtype):
    axes = 1 if pool is xdl.max_pool1d else 2
    low = -5 if dtype.startswith("int") else 0
    x = np.full((1, 1, *(4,) * axes), low).astype(dtype)

    y = pool(x, 2, padding=1)

    assert (dtype, {low}) == (y.dtype, set(y.numpy().ravel().tolist()))
