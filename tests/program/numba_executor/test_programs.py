"""Random steps as native text, read by Python: the numbers of eager."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xdl
from tests.support.compared import arrays_of
from xdl.program.numpy_executor import executor as numpy_executor

CALLS = 4
SIZE = 4  # of every matrix
FUNCTIONS = {
    "sum": lambda a, b: a + b,
    "product": lambda a, b: a * b,
    "product with the transpose": lambda a, b: a * b.T,
    "reversed": lambda a, b: a[::-1] * b - xdl.flip(a, axis=1),
    "tanh": lambda a, b: xdl.tanh(a) + b,
    "less the sums of rows": lambda a, b: a - xdl.sum(b, axis=1, keepdims=True),
    "plus the means of columns": lambda a, b: a + xdl.mean(b, axis=0),
    "larger": xdl.maximum,
    "chosen": lambda a, b: xdl.where(a > b, a, b * 0.5),
    "matrix product": lambda a, b: (a @ b.T) @ b * 0.1,
    "rows of both": lambda a, b: xdl.concat([a[:2], b[2:]], axis=0),
    "columns of both": lambda a, b: xdl.concat([b[:, 1:], a[:, :1]], axis=1),
    "rows by number": lambda a, b: xdl.take(a, np.array([2, 0, 1, 2]), axis=0) + b,
    "reshaped": lambda a, b: a.T.reshape((2, 8)).reshape((SIZE, SIZE)) + b,
    "softmax": lambda a, b: xdl.softmax(a) * b,
    "a part replaced": lambda a, b: xdl.index_update(
        a, (slice(1, 3), slice(None, None, 2)), b[:2, :2]
    ),
    "added to rows": lambda a, b: xdl.index_add(a, (np.array([0, 0, 2]),), b[:3]),
    "stacked": lambda a, b: xdl.sum(xdl.stack([a, b, a], axis=1), axis=1),
    "one of each row": lambda a, b: b + a[np.arange(SIZE), np.array([3, 1, 0, 0])],
    "over the variance": lambda a, b: a / (1 + xdl.var(b, axis=1, keepdims=True)),
}


@st.composite
def programs(draw):
    """Draw calls (name, numbers of operands), what is returned, whether it learns."""
    count = draw(st.integers(1, 8))
    names = st.sampled_from(sorted(FUNCTIONS))
    calls = [
        (draw(names), draw(st.integers(0, 2 + i)), draw(st.integers(0, 2 + i)))
        for i in range(count)
    ]
    returned = draw(st.lists(st.integers(0, count + 2), min_size=1, max_size=3))
    return calls, returned, draw(st.booleans())


class Drawn:
    """A step of a drawn program on two weights."""

    def __init__(self, program):
        self.calls, self.returned, self.learns = program
        rng = np.random.default_rng(0)
        matrices = rng.standard_normal((2, SIZE, SIZE))
        self.weights = [
            xdl.Variable(m, name) for m, name in zip(matrices, "wv", strict=True)
        ]
        self.optimizer = xdl.SGD(self.weights, lr=0.01, momentum=0.9)

    def step(self, x):
        """Run the program; return a loss and what the program names."""
        values = [*self.weights, x]
        for name, first, second in self.calls:
            values.append(FUNCTIONS[name](values[first], values[second]))
        y = xdl.tanh(values[-1])
        loss = xdl.sum(y * y) + xdl.sum(self.weights[0] * self.weights[1])
        if self.learns:
            loss.backward()
            self.optimizer.update()
        return [loss, *[values[i] for i in self.returned]]

    def run(self, step):
        """Return what some calls of a step give, and the weights after each."""
        found = []
        for seed in range(CALLS):
            x = np.random.default_rng(seed + 1).standard_normal((SIZE, SIZE))
            found += arrays_of(step(xdl.Variable(x, trainable=False)))
            found += arrays_of(self.weights)
        return found


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(programs())
def test_a_random_step_is_what_eager_gives(monkeypatch, program):
    runs = "tests.program.numba_executor.in_python:in_python"
    monkeypatch.setitem(numpy_executor.EXECUTORS, "numba", runs)
    eager, native = Drawn(program), Drawn(program)
    expected = eager.run(eager.step)
    step = xdl.compile(
        native.step, *native.weights, native.optimizer, executor="numba", verify=False
    )

    actual = native.run(step)

    for a, b in zip(expected, actual, strict=True):
        scale = max(1.0, np.abs(a).max())
        np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-7 * scale)
