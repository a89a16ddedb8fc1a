"""Many steps in one call: what as many calls give, with either executor."""

import importlib.util

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of
from xdl.program.call.replay import Replay

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)
every_executor = pytest.mark.parametrize(
    "executor", ["numpy", pytest.param("numba", marks=needs_numba)]
)
COUNT, ROWS, COLUMNS, CLASSES = 6, 4, 5, 3


@pytest.fixture(autouse=True)
def _cached(monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))


@pytest.fixture
def images(rng):
    return rng.standard_normal((COUNT, ROWS, COLUMNS)).astype("f4")


@pytest.fixture
def labels(rng):
    return rng.integers(0, CLASSES, (COUNT, ROWS))


class Trained:
    """A linear model that learns."""

    def __init__(self, executor, dropout=0.0):
        xdl.seed(4)
        self.model = xdl.LinearModel(COLUMNS, CLASSES)
        self.optimizer = xdl.SGD(self.model, lr=0.1)
        self.dropout = dropout
        self.fast = xdl.compile(
            self.step, self.model, self.optimizer, executor=executor
        )

    def step(self, x, target):
        """Learn from one batch; return the loss."""
        self.model.forward(xdl.dropout(x, self.dropout) if self.dropout else x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    @property
    def weight(self):
        """The weight, as an array."""
        return self.model.parameter["weight"].numpy()

    def called(self, images, labels):
        """Call the step for each batch; return the losses."""
        pairs = zip(images, labels, strict=True)
        return np.array([self.fast(x, t).item() for x, t in pairs], "f4")


@every_executor
def test_all_batches_at_once_give_what_as_many_calls_give(executor, images, labels):
    calls, at_once = Trained(executor), Trained(executor)
    expected = calls.called(images, labels)

    losses = at_once.fast.over(images, labels)

    assert (COUNT,) == losses.shape
    assert expected.tolist() == losses.numpy().tolist()
    assert calls.weight.tolist() == at_once.weight.tolist()


@every_executor
def test_a_second_call_goes_on_where_the_first_ended(executor, images, labels):
    calls, at_once = Trained(executor), Trained(executor)
    calls.called(images, labels)
    expected = calls.called(images, labels)
    at_once.fast.over(images, labels)

    losses = at_once.fast.over(images, labels)

    assert expected.tolist() == losses.numpy().tolist()
    assert calls.weight.tolist() == at_once.weight.tolist()


@needs_numba
def test_batches_of_two_lengths_in_turn_are_each_one_native_call(
    images, labels, monkeypatch
):
    one = Trained("numba")
    lengths = images, images[:, :3]
    for x in lengths * 2:  # both programs are there, and compared
        one.fast.over(x, labels[:, : x.shape[1]])
    counts, many = [], Replay.run_many

    def count(self, given, first, end):
        counts.append(end - first)
        return many(self, given, first, end)

    monkeypatch.setattr(Replay, "run_many", count)
    for x in lengths * 2:
        one.fast.over(x, labels[:, : x.shape[1]])

    assert [COUNT] * 4 == counts


@every_executor
def test_another_learning_rate_is_taken_between_calls(executor, images, labels):
    calls, at_once = Trained(executor), Trained(executor)
    calls.called(images, labels)
    calls.optimizer.lr = 0.7
    expected = calls.called(images, labels)
    at_once.fast.over(images, labels)
    at_once.optimizer.lr = 0.7

    losses = at_once.fast.over(images, labels)

    assert expected.tolist() == losses.numpy().tolist()


@every_executor
def test_random_draws_come_in_the_order_of_the_calls(executor, images, labels):
    expected = Trained(executor, dropout=0.5).called(images, labels)

    losses = Trained(executor, dropout=0.5).fast.over(images, labels)

    assert expected.tolist() == losses.numpy().tolist()


@every_executor
@pytest.mark.parametrize("at", [0, 1, 3, COUNT - 1])
def test_a_wrong_label_leaves_the_state_of_the_batches_before(
    executor, at, images, labels
):
    calls, at_once = Trained(executor), Trained(executor)
    calls.called(images[:at], labels[:at])
    labels[at, 1] = CLASSES

    with pytest.raises(xdl.LabelError, match="holds 3") as raised:
        at_once.fast.over(images, labels)

    assert [f"batch {at} of {COUNT}" in note for note in raised.value.__notes__] == [
        True
    ]
    assert calls.weight.tolist() == at_once.weight.tolist()


@every_executor
def test_a_gradient_that_is_not_finite_leaves_the_state_of_the_batches_before(
    executor, images, labels
):
    calls, at_once = Trained(executor), Trained(executor)
    calls.called(images[:4], labels[:4])
    images[4, 0, 0] = np.inf

    with np.errstate(all="ignore"), pytest.raises(xdl.NonFiniteError) as raised:
        at_once.fast.over(images, labels)

    assert f"batch 4 of {COUNT}" in raised.value.__notes__[0]
    assert calls.weight.tolist() == at_once.weight.tolist()


@every_executor
def test_after_an_error_the_rest_can_be_done(executor, images, labels):
    calls, at_once = Trained(executor), Trained(executor)
    expected = calls.called(images, labels)
    wrong = labels.copy()
    wrong[3, 0] = -1
    with pytest.raises(xdl.LabelError):
        at_once.fast.over(images, wrong)

    losses = at_once.fast.over(images[3:], labels[3:])

    assert expected[3:].tolist() == losses.numpy().tolist()
    assert calls.weight.tolist() == at_once.weight.tolist()


@every_executor
def test_batches_need_not_be_contiguous(executor, images, labels):
    expected = Trained(executor).called(images, labels)
    columns = np.asfortranarray(images)

    losses = Trained(executor).fast.over(columns, labels[:, ::-1][:, ::-1])

    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-5)


@every_executor
def test_a_batch_that_is_one_number_is_one(executor):
    weight = xdl.Variable(2.0, name="weight")
    fast = xdl.compile(lambda x: weight * x, weight, executor=executor)

    actual = fast.over(np.arange(5, dtype="f4"))

    assert [0, 2, 4, 6, 8] == actual.numpy().tolist()


@every_executor
def test_what_a_step_returns_is_stacked_as_it_is_nested(executor, images):
    optimizer = xdl.SGD([xdl.Variable([1.0], name="w")], lr=0.25)

    def step(x):
        rows = {"rows": xdl.sum(x, axis=1), "array": (x * 2).value}
        return rows, (optimizer.lr, "text", None), xdl.max(x)

    fast = xdl.compile(step, optimizer, executor=executor)
    found, (numbers, texts, nothing), largest = fast.over(images)

    np.testing.assert_allclose(
        found["rows"].numpy(), images.sum(2), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(found["array"], images * 2)
    np.testing.assert_array_equal(largest.numpy(), images.max((1, 2)))
    assert [0.25] * COUNT == numbers
    assert ["text"] * COUNT == texts
    assert nothing is None


@every_executor
def test_nested_arguments_and_python_values_are_passed_on(executor, images):
    fast = xdl.compile(
        lambda given, scale: given["x"] * scale + given["y"], executor=executor
    )
    given = {"x": images, "y": xdl.Variable(images, trainable=False)}

    actual = fast.over(given, 3.0)

    np.testing.assert_allclose(actual.numpy(), images * 4, rtol=1e-6)


def test_no_batch_is_refused(images, labels):
    with pytest.raises(xdl.EmptyBatchError, match="0 batches"):
        Trained("numpy").fast.over(images[:0], labels[:0])


@pytest.mark.parametrize("other", [slice(1), 0])
def test_other_numbers_of_batches_are_refused(images, labels, other):
    number = labels[other] if isinstance(other, slice) else np.array(3)

    with pytest.raises(xdl.ShapeError, match="same number of batches"):
        Trained("numpy").fast.over(images, number)


def test_no_array_is_refused():
    with pytest.raises(xdl.ArgumentError, match="no array came"):
        xdl.compile(lambda x: x).over(3.0)


def test_a_trainable_variable_is_refused(images):
    with pytest.raises(xdl.ArgumentError, match="give it to xdl.compile as state"):
        xdl.compile(lambda x: x).over(xdl.Variable(images))


@every_executor
def test_batches_that_share_memory_with_the_state_are_refused(executor):
    weight = xdl.Variable(np.zeros((COUNT, 3), "f4"), name="weight")
    fast = xdl.compile(lambda x: xdl.sum(weight * x), weight, executor=executor)

    with pytest.raises(xdl.ArgumentError, match="shares the memory of weight"):
        fast.over(weight.value)


@every_executor
def test_gradients_that_are_kept_are_those_of_the_calls(executor, images):
    weight = xdl.Variable(np.ones(COLUMNS, "f4"), name="weight")

    def step(x):
        loss = xdl.sum(weight * x)
        loss.backward()
        return loss

    fast = xdl.compile(step, weight, executor=executor)
    losses = fast.over(images)

    np.testing.assert_allclose(losses.numpy(), images.sum((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        arrays_of([weight.grad])[0], images.sum((0, 1)), rtol=1e-4, atol=1e-5
    )
