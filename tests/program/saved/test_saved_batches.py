"""Saved programs for other sizes of the batch: right, or refused."""

import threading

import numpy as np
import pytest

import xdl
from tests.support.batched import (
    ALL,
    ROW,
    SIZES,
    STEPS,
    TABLE,
    WEIGHT,
    labelled,
    one,
    rows,
    two,
)
from tests.support.saved import differing, loaded
from xdl import Variable, nn
from xdl.program import compile


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", STEPS)
def test_a_file_gives_what_eager_gives_or_refuses_the_batch(name, tmp_path):
    step, draw, sizes = STEPS[name]
    fast = compile(step, WEIGHT)
    fast(*draw(8))
    module = loaded(fast.program, tmp_path / "step.py")

    refused, wrong = set(), {}
    for n in SIZES:
        try:
            found = module.step(*draw(n))
        except (ValueError, IndexError):
            refused.add(n)
            continue
        expected = step(*[Variable(x, trainable=False) for x in draw(n)])
        wrong[n] = differing(expected, found)

    assert refused == ALL - sizes
    assert [] == [n for n, found in wrong.items() if found]


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_the_batch_that_a_step_was_recorded_with_may_be_any(size, tmp_path):
    weight = Variable(rows(5))
    fast = compile(lambda x, t: xdl.softmax_cross_entropy(x @ weight, t), weight)
    fast(*labelled(size))

    module = loaded(fast.program, tmp_path / "step.py")

    expected = [fast(*labelled(n)) for n in SIZES]
    assert [] == differing(expected, [module.step(*labelled(n)) for n in SIZES])


@pytest.mark.parametrize("size", [1, 2, 3, 30, 64])
@pytest.mark.parametrize("name", ["first twenty", "first six", "roll", "last"])
def test_a_file_takes_the_batch_that_its_step_was_recorded_with(name, size, tmp_path):
    step, draw, _ = STEPS[name]
    fast = compile(step)
    expected = fast(*draw(size))

    module = loaded(fast.program, tmp_path / "step.py")

    assert [] == differing(expected, module.step(*draw(size)))
    taken = 0
    for n in SIZES:
        try:
            found = module.step(*draw(n))
        except ValueError:
            continue
        taken += 1
        assert [] == differing(step(Variable(rows(n), trainable=False)), found)
    assert taken or size not in SIZES


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 9])
def test_features_as_many_as_rows_do_not_matter(width, tmp_path):
    weight = rows(width, width, seed=3)

    def step(x):
        y = xdl.reshape(x, (-1, width)) @ weight
        return xdl.transpose(y), y @ xdl.transpose(y), xdl.mean(y * y, axis=0)

    fast = compile(step)
    fast(rows(8, width))

    module = loaded(fast.program, tmp_path / "step.py")

    expected = [step(Variable(rows(n, width), trainable=False)) for n in SIZES]
    found = [module.step(rows(n, width)) for n in SIZES]
    assert [] == differing(expected, found)


def test_many_rows_are_summed_as_accurately_as_in_eager_code(tmp_path):
    x = np.full((400_000, 2), 0.1, np.float32)
    fast = compile(lambda x: xdl.mean(x, axis=0))
    fast(x[:8])

    module = loaded(fast.program, tmp_path / "step.py")

    np.testing.assert_allclose(module.step(x), 0.1, rtol=1e-6)


def test_a_large_convolution_is_for_any_number_of_images(tmp_path):
    weight = Variable(rows(4, 16 * 9).reshape(4, 16, 3, 3))
    x = rows(6, 16 * 48 * 48).reshape(6, 16, 48, 48)
    fast = compile(lambda x: xdl.conv2d(x, weight, padding=1), weight)
    expected = fast(x)

    module = loaded(fast.program, tmp_path / "step.py")

    assert [] == differing(expected, module.step(x), rtol=1e-4)
    np.testing.assert_allclose(
        module.step(x[:1]), expected.numpy()[:1], rtol=1e-3, atol=1e-4
    )


def _saved(step, arguments, path, *state):
    fast = compile(step, *state)
    fast(*arguments)
    return loaded(fast.program, path)


def test_arguments_that_disagree_are_refused_by_name(tmp_path):
    module = _saved(lambda x, y: x * y, two(8), tmp_path / "step.py")

    with pytest.raises(
        ValueError, match=r"step: y has shape \(4, 5\), needed \(7, 5\)"
    ):
        module.step(rows(7), rows(4))


def test_another_width_and_no_rows_are_refused(tmp_path):
    module = _saved(lambda x, y: x * y, two(8), tmp_path / "step.py")

    with pytest.raises(ValueError, match=r"x has shape \(8, 4\), needed \(n, 5\)"):
        module.step(rows(8, 4), rows(8))
    with pytest.raises(ValueError, match="x has n = 0, needed 1 or more"):
        module.step(rows(0), rows(0))


def test_a_refused_batch_changes_nothing(tmp_path):
    total = Variable(np.zeros(5, np.float32), name="total")

    def step(x):
        total.value[...] = (total + x[:20].sum(axis=0)).value
        return total

    module = _saved(step, one(8), tmp_path / "step.py", total)
    before = module.state["total"].tolist()

    with pytest.raises(ValueError, match="x has n = 64, and a part of an array would"):
        module.step(rows(64))

    assert before == module.state["total"].tolist()


def test_the_documentation_says_what_is_free(tmp_path):
    module = _saved(lambda x, n: x * n, two(8), tmp_path / "step.py")
    bounded = _saved(lambda x: x / len(x), one(8), tmp_path / "bounded.py")
    fixed = _saved(lambda x: x + TABLE, one(8), tmp_path / "fixed.py")

    assert "n: an array (n_2, 5) of float32" in module.step.__doc__
    assert "n_2 is the same everywhere: any from 1 on" in module.step.__doc__
    assert "n is the same everywhere, one of 1 to 128" in bounded.step.__doc__
    assert "x: an array (8, 5) of float32" in fixed.step.__doc__
    assert "with 4 instead of 8: ShapeError" in fixed.step.__doc__


def test_a_fixed_batch_says_why_in_text_that_is_no_code(tmp_path):
    def step(x):
        if len(x) < 8:
            raise ValueError('"""\nopen("canary", "w").close()\n"""\\')
        return x * 2

    module = _saved(step, one(8), tmp_path / "step.py")

    assert "ValueError" in module.step.__doc__ or "n is" in module.step.__doc__
    assert [] == differing(rows(8) * 2, module.step(rows(8)))


def test_saving_leaves_nothing_behind(tmp_path):
    class Counting(xdl.Model):
        def __init__(self):
            super().__init__()
            self.layer, self.norm = nn.Linear(5, 3), nn.BatchNorm1d(3)
            self.seen, self.shapes = 0, []

        def forward(self, x):
            self.output = xdl.dropout(self.norm(self.layer(x)), 0.5)
            self.size = x.shape[0]
            return self.output

    model = Counting()
    fast = compile(model)
    fast(rows(8))
    xdl.seed(3)
    fast(rows(8))
    before = xdl.backend.random.state(), model.size, model.output.shape
    state = {name: v.numpy() for name, v in model.parameter.items()}
    text = str(fast.program)

    fast.program.save(tmp_path / "step.py")

    assert before == (xdl.backend.random.state(), model.size, model.output.shape)
    assert [] == differing(state, dict(model.parameter), rtol=0)
    assert text == str(fast.program)


def test_counters_and_lists_of_a_step_are_put_back(tmp_path):
    seen = []

    def step(x):
        seen.append(1)
        return x * 2

    fast = compile(step, verify=False)
    fast(rows(8))
    fast.program.save(tmp_path / "step.py")

    assert [1] == seen


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: model.eval(), "the state is another one"),
        (
            lambda model: setattr(model, "factor", 3.0),
            "an attribute that the step reads",
        ),
    ],
)
def test_a_step_that_would_be_recorded_otherwise_by_now_is_fixed(
    change, reason, tmp_path
):
    class Scaled(xdl.Module):
        factor = 1.0

        def __init__(self):
            super().__init__()
            self.factor = 2.0

        def forward(self, x):
            return x * self.factor

    model = Scaled()
    fast = compile(model)
    fast(rows(8))
    change(model)

    module = loaded(fast.program, tmp_path / "step.py")

    assert reason in module.step.__doc__
    assert [] == differing(rows(8) * 2, module.step(rows(8)))


FACTOR = [2.0]


def test_a_number_from_outside_stays_what_it_was_when_it_was_recorded(tmp_path):
    fast = compile(lambda x: x * FACTOR[0])
    fast(rows(8))
    FACTOR[0] = 3.0

    module = loaded(fast.program, tmp_path / "step.py")
    FACTOR[0] = 2.0

    assert "what the step reads outside is something else" in module.step.__doc__
    assert [] == differing(rows(8) * 2, module.step(rows(8)))


def test_a_step_recorded_without_a_graph_is_saved_as_it_was(tmp_path):
    weight = Variable(rows(5))
    fast = compile(lambda x: x @ weight, weight)
    with xdl.no_grad():
        expected = fast(rows(8))

    module = loaded(fast.program, tmp_path / "step.py")

    assert "any from 1 on" in module.step.__doc__
    assert [] == differing(expected, module.step(rows(8)))


def test_nested_arguments_and_floats_share_the_batch(tmp_path):
    def step(batch, scale):
        return {"y": batch["x"] * scale + batch["y"][0].mean(axis=0)}

    module = _saved(step, ({"x": rows(8), "y": (rows(8),)}, 0.5), tmp_path / "s.py")

    found = module.step(rows(3), rows(3, seed=1), 2.0)
    expected = {"y": rows(3) * 2 + rows(3, seed=1).mean(axis=0)}
    assert [] == differing(expected, found)


def test_another_argument_of_the_same_length_by_chance_is_refused_or_right(tmp_path):
    by_chance = _saved(lambda x, w: x * w, (rows(5), ROW[0]), tmp_path / "by_chance.py")
    first = _saved(lambda w, x: x * w, (ROW[0], rows(8)), tmp_path / "first.py")

    with pytest.raises(ValueError, match=r"x has shape \(4, 5\), needed \(5, 5\)"):
        by_chance.step(rows(4), ROW[0])
    assert [] == differing(rows(4) * ROW, first.step(ROW[0], rows(4)))


def test_what_a_kernel_of_the_users_is_told_counts_as_asked(tmp_path):
    class Halved(xdl.Op):
        def compute(self, xp, x):
            return x * 0.5 if x.shape[0] > 50 else x

        def gradient(self, xp, gy, x_shape):
            return (gy * 0.5 if x_shape[0] > 50 else gy,)

    halved = Halved()
    gradient = xdl.gradient(lambda x: xdl.sum(halved(x)))
    for i, step in enumerate((halved, gradient)):
        module = _saved(lambda x, step=step: step(x), one(8), tmp_path / f"step{i}.py")

        assert [] == differing(step(Variable(rows(50))), module.step(rows(50)))
        with pytest.raises(ValueError, match="x has n = 64, needed 1 to 50"):
            module.step(rows(64))


def test_a_save_waits_for_a_call_in_another_thread_and_that_for_it(tmp_path):
    model = xdl.LinearModel(5, 3)
    fast = compile(model)
    for _ in range(2):
        fast(rows(8))
    expected, errors = fast(rows(8)).numpy(), []

    def call():
        try:
            while not (tmp_path / "step.py").exists():
                errors.extend(differing(expected, fast(rows(8))))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    fast.program.save(tmp_path / "step.py")
    thread.join()

    assert [] == errors


def test_a_step_that_does_not_do_the_same_again_is_fixed(tmp_path):
    rng = np.random.default_rng(0)
    fast = compile(lambda x: x + rng.random(5, np.float32), verify=False)
    expected = fast(rows(8))

    module = loaded(fast.program, tmp_path / "step.py")

    assert "does not do the same" in module.step.__doc__
    assert [] == differing(expected, module.step(rows(8)))


def test_an_array_from_outside_is_saved_as_it_is_then(tmp_path):
    table = np.zeros(5, np.float32)
    fast = compile(lambda x: x + table)
    fast(rows(8))
    table[:] = 3

    module = loaded(fast.program, tmp_path / "step.py")

    assert [] == differing(rows(3) + 3, module.step(rows(3)))
