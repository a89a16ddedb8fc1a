"""split and unstack: parts are views, and their gradients are joined, not added."""

import numpy as np
import pytest

import xdl
from tests.support.strict import DEVICE1
from xdl import NonFiniteError, Variable
from xdl.testing import check_gradient

TAKE_APART = {
    "split": lambda x: xdl.split(x, 2, axis=1),
    "split at": lambda x: xdl.split(x, (1, 1, 3), axis=-1),
    "unstack": lambda x: xdl.unstack(x, axis=1),
}
every_way = pytest.mark.parametrize("parts_of", TAKE_APART.values(), ids=TAKE_APART)


@pytest.fixture
def x(rng):
    return Variable(rng.standard_normal((3, 4)))


@every_way
def test_parts_share_the_memory_of_the_whole(parts_of, x):
    parts = parts_of(x)

    assert all(np.shares_memory(part.value, x.value) for part in parts if part.size)


@every_way
def test_gradient_of_all_parts_matches_finite_differences(parts_of, x):
    check_gradient(parts_of, x)
    check_gradient(lambda x: [xdl.square(part) for part in parts_of(x)], x, order=2)


@every_way
def test_gradient_of_one_part_is_zero_elsewhere(parts_of, x):
    parts = parts_of(x)

    (parts[-1] * 2.0).sum().backward()

    expected = np.zeros((3, 4))
    expected[:, 4 - parts[-1].size // 3 :] = 2.0
    assert expected.tolist() == x.grad.tolist()


def test_a_part_used_twice_and_the_whole_beside_it_add_up(x):
    first, second = xdl.split(x, 2, axis=1)

    (first * 2.0 + first * 3.0 + x[:, :2]).sum().backward()

    assert np.array([[6.0, 6.0, 0.0, 0.0]] * 3).tolist() == x.grad.tolist()
    assert second.grad is None


def test_a_retained_graph_gives_the_same_gradient_again(x):
    first, second = xdl.split(x, 2, axis=1)
    loss = (first * second).sum()
    loss.backward(retain_graph=True)
    once = x.grad.copy()

    loss.backward()

    assert (once + once).tolist() == x.grad.tolist()


def test_gradient_has_memory_of_its_own(x):
    gy = np.ones((3, 4))
    (whole,) = xdl.split(x, 1)

    whole.backward(gy)
    x.grad[...] = 7.0

    assert np.ones((3, 4)).tolist() == gy.tolist()


def test_parts_of_data_are_data():
    first, second = xdl.split([1.0, 2.0], 2)

    assert (False, False) == (first.trainable, second.trainable)
    assert "float64" == (Variable(np.ones(1)) + first).dtype


def test_parts_join_on_another_device(x):
    there = Variable(x.numpy()).to(DEVICE1)

    xdl.square(xdl.unstack(there)[1]).sum().backward()

    expected = np.zeros((3, 4))
    expected[1] = 2 * x.numpy()[1]
    actual = np.asarray(there.to("cpu").grad)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.fixture
def debug():
    xdl.set_debug(True)
    yield
    xdl.set_debug(False)


def test_debug_mode_names_the_gradient_that_made_nan(x, debug):
    first, second = xdl.split(x, 2, axis=1)
    loss = xdl.sqrt(xdl.square(first) * 0.0 + second * 0.0)

    with pytest.raises(NonFiniteError, match="Multiply: NaN came out of its gradient"):
        loss.sum().backward()


def test_cumulative_products_and_products_have_exact_gradients_at_zeros():
    x = Variable(np.array([2.0, 0.0, 3.0, 0.0]))

    xdl.cumulative_prod(x).sum().backward()
    cumulative = x.grad.tolist()
    x.clear_grad()
    xdl.prod(x[:3]).backward()

    assert [1.0, 8.0, 0.0, 0.0] == cumulative
    assert [0.0, 6.0, 0.0, 0.0] == x.grad.tolist()


def test_variance_far_from_zero_is_exact():
    x = np.array([1e8, 1e8 + 1, 1e8 + 2])

    assert 2 / 3 == pytest.approx(xdl.var(x).item(), rel=1e-12)


@pytest.mark.parametrize("largest", [True, False])
def test_topk_gives_values_positions_and_a_gradient_to_them(largest):
    x = Variable([[1.0, 3.0, 3.0, 2.0]])

    values, positions = xdl.topk(x, 2, largest=largest)
    values.sum().backward()

    expected = [[3.0, 3.0]], [[1, 2]], [[0.0, 1.0, 1.0, 0.0]]
    if not largest:
        expected = [[1.0, 2.0]], [[0, 3]], [[1.0, 0.0, 0.0, 1.0]]
    found = values.numpy(), positions.numpy(), x.grad
    assert expected == tuple(array.tolist() for array in found)


def test_sorted_nan_count_as_the_greatest():
    x = np.array([1.0, np.nan, 0.0])

    assert [2, 0, 1] == xdl.argsort(x).numpy().tolist()
    assert [1, 0, 2] == xdl.argsort(x, descending=True).numpy().tolist()


def test_last_of_two_values_at_one_place_stays_and_gets_the_gradient():
    x, value = Variable([1.0, 2.0, 3.0]), Variable([10.0, 20.0, 30.0])

    y = xdl.index_update(x, [0, 2, 0], value)
    y.sum().backward()

    assert [30.0, 2.0, 20.0] == y.numpy().tolist()
    assert [0.0, 1.0, 0.0] == x.grad.tolist()
    assert [0.0, 1.0, 1.0] == value.grad.tolist()


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_index_update_replaces_infinities_and_takes_every_dtype(dtype):
    x = np.array([np.inf, 1.0, 0.0]) if dtype == "float32" else np.array([7, 1, 0])
    x = x.astype(dtype)

    y = xdl.index_update(x, 0, np.array(1, dtype))

    assert (dtype, [1, 1, 0]) == (y.dtype, y.numpy().tolist())
