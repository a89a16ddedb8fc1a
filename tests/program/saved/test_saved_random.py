"""Random steps, saved: for every size of the batch what eager gives, or refused."""

import random

import pytest

import xdl
from tests.support.batched import rows
from tests.support.saved import differing, loaded
from xdl import Variable
from xdl.program import compile

SIZES = (1, 2, 3, 4, 5, 6, 8, 11, 17, 100)
RECORDED = (8, 11, 17)
WIDTHS = (1, 2, 4, 5, 6)
UNARY = {
    "tanh": xdl.tanh,
    "relu": xdl.relu,
    "mean": lambda x: x - xdl.mean(x, axis=0, keepdims=True),
    "deviation": lambda x: x / (1 + xdl.var(x, axis=0)),
    "sum of rows": lambda x: xdl.sum(x, axis=-1, keepdims=True),
    "largest": lambda x: xdl.max(x, axis=0),
    "softmax": lambda x: xdl.softmax(x, axis=-1),
    "softmax over the batch": lambda x: xdl.log_softmax(x, axis=0),
    "cumulative": lambda x: xdl.cumulative_sum(x, axis=0),
    "sorted": lambda x: xdl.sort(x, axis=0),
    "order": lambda x: xdl.take_along_axis(x, xdl.argsort(x, axis=0), axis=0),
    "reversed": lambda x: x[::-1],
    "all but one": lambda x: x[1:],
    "five": lambda x: x[:5],
    "rolled": lambda x: xdl.roll(x, 1, 0),
    "tiled": lambda x: xdl.concat([x, x * 0.5]),
    "flat": lambda x: xdl.reshape(x, (-1,)),
    "column": lambda x: xdl.reshape(x, (-1, 1)),
    "turned": xdl.transpose,
    "products": lambda x: xdl.tanh(x @ xdl.transpose(x)),
    "one_hot": lambda x: xdl.one_hot(xdl.argmax(x, axis=-1), 7) * 1.0,
    "updated": lambda x: xdl.index_update(x, 0, 1.0),
    "two largest": lambda x: xdl.topk(x, 2, axis=0)[0],
    "split": lambda x: xdl.split(x, [2])[1],
    "dropout": lambda x: xdl.dropout(x, 0.25),
}
BINARY = {
    "add": xdl.add,
    "multiply": xdl.multiply,
    "where": lambda a, b: xdl.where(a > b, a * 0.5, b),
    "matmul": lambda a, b: xdl.tanh(xdl.matmul(a, b)),
    "concat": lambda a, b: xdl.concat([a, b]),
    "stack": lambda a, b: xdl.stack([a, b], axis=1),
}


def _made(name, values, i, j):
    a, b = values[i % len(values)], values[j % len(values)]
    return UNARY[name](a) if name in UNARY else BINARY[name](a, b)


def _fitting(start, calls):
    """Return those of the calls that batches of several sizes fit."""
    batches, fitting = [start(n) for n in (8, 11)], []
    for call in calls:
        try:
            made = [_made(call[0], values, *call[1:]) for values in batches]
        except (xdl.XdlError, IndexError):
            continue
        if not all(new.size for new in made):
            continue
        for values, new in zip(batches, made, strict=True):
            values.append(new)
        fitting.append(call)
    return fitting


def random_step(seed):
    """Return a random step of two batches, and a function that draws them."""
    rng = random.Random(seed)
    width, other = rng.choice(WIDTHS), rng.random() < 0.7
    weight = rows(width, width, seed=2)
    names = [rng.choice([*UNARY, *BINARY]) for _ in range(rng.randint(1, 8))]
    calls = [(name, rng.randrange(99), rng.randrange(99)) for name in names]
    is_gradient = rng.random() < 0.5

    def draw(n):
        return rows(n, width), rows(n if other else 1, width, seed=1)

    def start(n):
        x, y = [Variable(array, trainable=False) for array in draw(n)]
        return [x, y, x @ weight]

    calls = _fitting(start, calls)

    def step(x, y):
        values = [x, y, x @ weight]
        for call in calls:
            values.append(_made(call[0], values, *call[1:]))
        return values[-1], sum(xdl.mean(xdl.tanh(value)) for value in values)

    gradient = xdl.gradient(lambda x, y: step(x, y)[1])
    return (lambda x, y: gradient(x, y)) if is_gradient else step, draw


def refused_and_wrong(seed, path):
    """Return the sizes that the file of a random step refuses, and is wrong for."""
    step, draw = random_step(seed)
    fast = compile(step)
    fast(*draw(RECORDED[seed % len(RECORDED)]))
    module = loaded(fast.program, path)
    refused, wrong = [], []
    for n in SIZES:
        xdl.seed(7)
        try:
            draws = {"key": 7, "draw": 0} if module.draws else {}
            found = module.step(*draw(n), **draws)
        except (ValueError, IndexError):
            refused.append(n)
            continue
        xdl.seed(7)
        expected = step(*[Variable(x, trainable=False) for x in draw(n)])
        wrong += [n] if differing(expected, found) else []
    return refused, wrong


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(30))
def test_random_steps_are_right_for_the_sizes_that_their_files_take(seed, tmp_path):
    refused, wrong = refused_and_wrong(seed, tmp_path / "step.py")

    assert [] == wrong
    assert RECORDED[seed % len(RECORDED)] not in refused
