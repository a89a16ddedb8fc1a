"""Random programs, drawn by Hypothesis: compiled, they give the numbers of eager."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.counted import EAGER_CALLS, Counted
from xdl.program.numpy_executor import tiles

STARTS = [(3, 4), (4,), (3, 1), (1, 4), ()]  # of the arrays that a program begins with
CALLS = 4


class Patched(xdl.Op):
    """Write into a copy: rows exchanged, a part doubled, a corner set."""

    def compute(self, xp, x):
        y = xp.copy(x)
        if x.ndim:
            y[0] = x[-1]
            part = y[..., ::2]
            part *= 2
            y[-1:] -= 0.5
        return y

    def gradient(self, xp, gy, x):
        return (gy * xp.cos(x),)  # any function of both will do


UNARY = {
    "tanh": xdl.tanh,
    "relu": xdl.relu,
    "square, bounded": lambda x: xdl.tanh(xdl.square(x)),
    "negative": lambda x: -x,
    "exp, bounded": lambda x: xdl.exp(-xdl.abs(x)),
    "gelu": xdl.gelu,
    "times 1": lambda x: x * 1,
    "transposed": lambda x: xdl.permute_dims(x, tuple(range(x.ndim))[::-1]),
    "flat": lambda x: xdl.reshape(x, (-1,)),
    "column": lambda x: xdl.reshape(x, (-1, 1)),
    "part": lambda x: x[..., 1:] if x.ndim and x.shape[-1] > 1 else x,
    "reversed": lambda x: x[::-1] if x.ndim else x,
    "taken": lambda x: xdl.take(x, [0, -1, 0], 0) if x.ndim else x,
    "sum": xdl.sum,
    "sum of rows": lambda x: xdl.sum(x, axis=-1, keepdims=True) if x.ndim else x,
    "mean of columns": lambda x: xdl.mean(x, axis=0) if x.ndim else x,
    "max of rows": lambda x: xdl.max(x, axis=-1, keepdims=True) if x.ndim else x,
    "softmax": lambda x: xdl.softmax(x, axis=-1) if x.ndim else x,
    "dropout": lambda x: xdl.dropout(x, 0.25),
    "patched": Patched(),
    "detached": lambda x: x.detach() + x,
}
BINARY = {
    "add": xdl.add,
    "subtract": xdl.subtract,
    "multiply": lambda a, b: xdl.tanh(a * b),
    "maximum": xdl.maximum,
    "where": lambda a, b: xdl.where(a > b, a * 0.5, b),
    "matmul": lambda a, b: xdl.tanh(xdl.matmul(a, b)),
    "concat": lambda a, b: xdl.concat([xdl.flatten(a), xdl.flatten(b)]),
}
# Joined: values of one shape, the last of them changed in one of these ways each.
PIECES = (
    lambda x: x * 0.5,
    lambda x: x,
    lambda x: -x,
    lambda x: (x * 2)[::-1] if x.ndim else x,
)
JOINS = {
    "stack": xdl.stack,
    "stack, last axis": lambda xs: xdl.stack(xs, axis=-1),
    "concat": xdl.concat,
    "concat, last axis": lambda xs: xdl.concat(xs, axis=-1),
}
LARGEST, MOST = 200, 4  # elements of what is joined; pieces

names = st.sampled_from([*UNARY, *BINARY]) | st.sampled_from([*JOINS])
calls = st.lists(
    st.tuples(names, st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12
)


def _applied(name, values, i, j):
    """Return the result of a call, or None where the shapes do not fit."""
    first, second = values[i % len(values)], values[j % len(values)]
    if name in UNARY:
        return UNARY[name](first)
    try:
        if name in BINARY:
            return BINARY[name](first, second)
        return JOINS[name](_pieces(values, first.shape, j))
    except xdl.ShapeError:
        return None


def _pieces(values, shape, start):
    """Return what is joined: values of a shape, each changed in one of the ways."""
    alike = [v for v in values if v.shape == shape and v.size <= LARGEST][-MOST:]
    ways = [PIECES[(start + i) % len(PIECES)] for i in range(len(alike))]
    return [way(value) for way, value in zip(ways, alike, strict=True)]


def _trained(program, is_compiled):
    """Return the losses, weights, and the count of eager calls of a random program."""
    xdl.seed(0)
    rng = np.random.default_rng(0)
    weights = [xdl.Variable(rng.uniform(-1, 1, s), dtype="f4") for s in STARTS]
    optimizer = xdl.SGD(weights, 0.1, momentum=0.5)

    def step(x, y):
        values = [*weights, xdl.reshape(x, x.shape), xdl.reshape(y, y.shape)]
        for name, i, j in program:
            made = _applied(name, values, i, j)
            values += [] if made is None else [made]
        loss = sum(xdl.mean(xdl.tanh(v)) for v in values)
        loss.backward()
        gradients = [w.grad for w in weights]
        optimizer.update()
        return loss, values[-1], gradients

    counted = Counted(step)
    call = xdl.compile(counted, *weights, optimizer) if is_compiled else counted
    found = []
    for _ in range(CALLS):
        x, y = (rng.uniform(-1, 1, s).astype("f4") for s in STARTS[:2])
        found += arrays_of(call(x, y))
    return found + arrays_of([*weights, *optimizer.state.values()]), counted.calls


@pytest.fixture(params=["whole arrays", "tiles"])
def tile(request, monkeypatch):
    """Run groups on whole arrays, and on tiles of a few elements."""
    if request.param == "tiles":
        monkeypatch.setattr(tiles, "LEAST", 0)
        monkeypatch.setattr(tiles, "TILE", 4)


@pytest.mark.usefixtures("tile")
def test_random_programs_give_the_numbers_of_eager():
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(calls)
    def check(program):
        expected, _ = _trained(program, False)
        actual, eager_calls = _trained(program, True)

        assert [] == differing(expected, actual)
        assert EAGER_CALLS == eager_calls

    check()
