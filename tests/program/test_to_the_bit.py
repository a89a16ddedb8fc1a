"""Replays give the bits of eager, however the arguments lie in memory."""

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of
from tests.support.executors import needs_numba
from xdl.program.record.recorder import given_as


def _strided(x):
    wide = np.zeros([2 * n for n in x.shape], x.dtype)
    part = wide[tuple([slice(None, None, 2)] * x.ndim)]
    part[...] = x
    return part


def _misaligned(x):
    y = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": _strided,
    "transposed": lambda x: np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1),
    "rows reversed": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "columns reversed": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "misaligned": _misaligned,
}
FUNCTIONS = {
    "softmax": lambda x: xdl.softmax(x, axis=-1),
    "variance": lambda x: xdl.var(x, axis=0),
    "deviation": xdl.std,
    "logsumexp": lambda x: xdl.logsumexp(x, axis=-1),
    "norm": xdl.norm,
    "layer norm": lambda x: xdl.layer_norm(x, x.shape[-1:]),
    "products": lambda x: (x @ xdl.matrix_transpose(x), xdl.matrix_transpose(x) @ x),
    "sums": lambda x: (xdl.sum(x), xdl.sum(x, axis=0), xdl.mean(x * x, axis=1)),
    "functions": lambda x: (xdl.exp(x), xdl.tanh(x), xdl.log(x), x**1.7),
}


def _bits(returned):
    return [array.tobytes() for array in arrays_of(returned)]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_step_recorded_with_one_layout_gives_eager_s_bits_for_another(
    name, first, dtype, rng
):
    function = FUNCTIONS[name]
    step = xdl.compile(function)
    layouts = [LAYOUTS[first], *LAYOUTS.values()]
    for shape in [(33, 64), (7, 5), (1, 9), (9, 1)]:
        for layout in [*layouts, *layouts, *layouts]:
            x = layout(rng.uniform(0.1, 1, shape).astype(dtype))

            assert _bits(function(given_as(x))) == _bits(step(x))


@needs_numba
def test_native_code_serves_every_layout_with_one_program_and_the_same_bits(rng):
    function = FUNCTIONS["layer norm"]
    x = rng.uniform(0.1, 1, (33, 64)).astype("f4")
    step, found = xdl.compile(function, executor="numba"), set()

    for layout in [*LAYOUTS.values(), *LAYOUTS.values()]:
        if layout is not LAYOUTS["broadcast"]:
            found.add(step(layout(x)).numpy().tobytes())

    assert 1 == len(found) == len(step._replays)


def _powers(x):
    total = xdl.sum(x)
    return (
        *[total**p for p in (2, 2.0, 3, 0.5, -1, 1.5, 0)],
        *[xdl.power(total, 2.0), 2.5**total, xdl.exp2(total), xdl.mean(x) ** total],
        *[(total + 1) ** 2, xdl.power(x[0], x[1])],
    )


class Stepped(xdl.Op):
    """A kernel that takes powers of NumPy's scalars, as optimizers do."""

    def compute(self, xp, x):
        t = xp.sum(x) + 1
        return (1 - 0.9**t) ** 0.5 + t**2 + t**t


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("function", [_powers, Stepped()], ids=["arrays", "scalars"])
def test_powers_without_axes_round_as_eager_s(function, dtype, rng):
    step = xdl.compile(function)

    for i in range(1000):
        x = rng.uniform(0, 0.6, 5).astype(dtype)
        call = step if i % 10 else xdl.compile(function)  # the recording, too

        assert _bits(function(given_as(x))) == _bits(call(x))


@pytest.mark.parametrize("steps", range(1, 11))
@pytest.mark.parametrize("optimizer", [xdl.optim.NAdam, xdl.optim.RAdam])
def test_an_optimizer_that_is_recorded_at_any_step_gives_eager_s_bits(optimizer, steps):
    def trained(compiled_from):
        weight = xdl.Variable(np.linspace(-1, 1, 12), "weight", dtype="f4")
        optimizing = optimizer([weight], 0.1)

        def step(x):
            loss = xdl.sum(xdl.square(weight * x - 1))
            loss.backward()
            optimizing.update()
            return loss

        fast_step, rng = xdl.compile(step, weight, optimizing), np.random.default_rng(0)
        xs = rng.standard_normal((steps + 3, 12)).astype("f4")
        found = [
            (fast_step if i >= compiled_from else step)(x) for i, x in enumerate(xs)
        ]
        return _bits([*found, weight, *optimizing.state.values()])

    assert trained(99) == trained(steps)
