"""JAX's side of `benchmarks.peers`: a workload returns a compiled step."""

import functools
import os

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.peer_data import (
    CNN_BATCH,
    GPT,
    GPT_BATCH,
    LSTM,
    images,
    samples,
    starting,
    text,
    weights,
)

VERSION = jax.__version__


def _limit(threads):
    """Allow as many processors as threads: XLA takes one thread for each."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _stepping(loss_of, parameters, update):
    """Return a function that takes one step and waits for its loss."""

    @functools.partial(jax.jit, donate_argnums=0)
    def step(parameters):
        loss, gradients = jax.value_and_grad(loss_of)(parameters[0])
        return update(parameters, gradients), loss

    held = [parameters]

    def run():
        held[0], loss = step(held[0])
        return loss.block_until_ready()

    return run


def _descent(lr):
    def update(parameters, gradients):
        return [jax.tree.map(lambda w, g: w - lr * g, parameters[0], gradients)]

    return update


def _cross_entropy(scores, target):
    scores = jax.nn.log_softmax(scores)
    return -jnp.take_along_axis(scores, target[..., None], axis=-1).mean()


def _affine(x, layer):
    return x @ layer["weight"] + layer["bias"]


def _layer(rows, columns):
    return {"weight": weights(rows, columns), "bias": jnp.zeros(columns)}


def _classifier(batch, *sizes):
    def workload(threads):
        _limit(threads)
        x, target = samples(batch, sizes[0], sizes[-1])
        layers = [_layer(*pair) for pair in zip(sizes, sizes[1:], strict=False)]

        def loss_of(layers):
            h = x
            for layer in layers[:-1]:
                h = jax.nn.relu(_affine(h, layer))
            return _cross_entropy(_affine(h, layers[-1]), target)

        return _stepping(loss_of, [layers], _descent(0.01))

    return workload


def _convolved(x, layer):
    y = lax.conv(x, layer["weight"], (1, 1), "SAME")
    y = jax.nn.relu(y + layer["bias"][:, None, None])
    windows = (1, 1, 2, 2)
    return lax.reduce_window(y, -jnp.inf, lax.max, windows, windows, "VALID")


def _cnn(threads):
    _limit(threads)
    x, target = images(CNN_BATCH)
    shapes = (32, 1, 3, 3), (64, 32, 3, 3)
    layers = [{"weight": starting(s), "bias": jnp.zeros(s[0])} for s in shapes]
    layers += [_layer(64 * 7 * 7, 128), _layer(128, 10)]

    def loss_of(layers):
        h = _convolved(_convolved(x, layers[0]), layers[1])
        h = jax.nn.relu(_affine(h.reshape(len(h), -1), layers[2]))
        return _cross_entropy(_affine(h, layers[3]), target)

    return _stepping(loss_of, [layers], _descent(0.01))


def _lstm(threads):
    _limit(threads)
    tokens, size, batch = LSTM["tokens"], LSTM["size"], LSTM["batch"]
    drawn = text(batch, LSTM["length"], tokens).T
    layers = {
        "embedding": starting((tokens, size)),
        "into": _layer(size, 4 * size),
        "across": starting((size, 4 * size)),
        "scores": _layer(size, tokens),
    }

    def loss_of(layers):
        def advance(state, z):
            h, c = state
            i, f, g, o = jnp.split(z + h @ layers["across"], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        z = _affine(layers["embedding"][drawn[:-1]], layers["into"])
        first = jnp.zeros((batch, size))
        _, states = lax.scan(advance, (first, first), z)
        return _cross_entropy(_affine(states, layers["scores"]), drawn[1:])

    return _stepping(loss_of, [layers], _descent(0.1))


def _normed(x, layer):
    x = x - x.mean(axis=-1, keepdims=True)
    x = x / jnp.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)
    return x * layer["weight"] + layer["bias"]


def _block(x, block, heads):
    n, t, size = x.shape
    qkv = _affine(_normed(x, block["norm1"]), block["projection"])
    q, k, v = jnp.moveaxis(qkv.reshape(n, t, 3, heads, -1), 2, 0)
    mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    x = x + _affine(mixed.reshape(n, t, size), block["output"])
    hidden = jax.nn.gelu(_affine(_normed(x, block["norm2"]), block["mlp1"]))
    return x + _affine(hidden, block["mlp2"])


def _gpt_parameters(tokens, context, size, layers):
    draw = iter(jax.random.split(jax.random.key(0), 2))
    norm = {"weight": jnp.ones(size), "bias": jnp.zeros(size)}
    block = {
        "norm1": norm,
        "norm2": norm,
        "projection": _layer(size, 3 * size),
        "output": _layer(size, size),
        "mlp1": _layer(size, 4 * size),
        "mlp2": _layer(4 * size, size),
    }
    blocks = [block] * layers
    return {
        "embedding": 0.02 * jax.random.normal(next(draw), (tokens, size)),
        "positions": 0.02 * jax.random.normal(next(draw), (context, size)),
        "blocks": jax.tree.map(jnp.array, blocks),
        "norm": jax.tree.map(jnp.array, norm),
    }


def _gpt(threads):
    _limit(threads)
    tokens = text(GPT_BATCH, GPT["context"], GPT["tokens"])
    sizes = (GPT["tokens"], GPT["context"], GPT["size"], GPT["layers"])
    parameters = _gpt_parameters(*sizes)

    def loss_of(model):
        x = model["embedding"][tokens[:, :-1]] + model["positions"]
        for block in model["blocks"]:
            x = _block(x, block, GPT["heads"])
        scores = _normed(x, model["norm"]) @ model["embedding"].T
        return _cross_entropy(scores, tokens[:, 1:])

    zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    held = [parameters, *zeros, jnp.zeros(())]
    return _stepping(loss_of, held, _adamw)


def _adamw(held, gradients, lr=3e-4, first=0.9, second=0.999, decay=0.01):
    parameters, means, squares, count = held
    count = count + 1
    means = jax.tree.map(lambda m, g: first * m + (1 - first) * g, means, gradients)
    squares = jax.tree.map(
        lambda s, g: second * s + (1 - second) * g * g, squares, gradients
    )

    def changed(w, m, s):
        root = jnp.sqrt(s / (1 - second**count)) + 1e-8
        return w * (1 - lr * decay) - lr * m / (1 - first**count) / root

    return [jax.tree.map(changed, parameters, means, squares), means, squares, count]


WORKLOADS = {
    "linear 64-10, batch 1": _classifier(1, 64, 10),
    "linear 64-10, batch 32": _classifier(32, 64, 10),
    "MLP 784-512-512-10, batch 128": _classifier(128, 784, 512, 512, 10),
    "CNN 32-64-128, 64 images of 28x28": _cnn,
    "LSTM 256 wide, 64 steps, batch 32": _lstm,
    "GPT 4 layers of 128, 64 tokens, batch 8": _gpt,
}
