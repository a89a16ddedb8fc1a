"""Causal attention in blocks of targets: the numbers of attention as a whole."""

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor
from xdl import Variable
from xdl.ops import attention
from xdl.testing import check_gradient

SHAPES = {
    "one stack": ((7, 3), (7, 3), (7, 2)),
    "heads": ((2, 3, 9, 4), (2, 3, 9, 4), (2, 3, 9, 5)),
    "one key set for all heads": ((2, 3, 9, 4), (9, 4), (9, 5)),
    "more keys than targets": ((2, 6, 3), (2, 11, 3), (2, 11, 2)),
    "fewer keys than targets": ((2, 11, 3), (2, 5, 3), (2, 5, 2)),
}
every_shape = pytest.mark.parametrize("shapes", SHAPES.values(), ids=list(SHAPES))


@pytest.fixture
def blocks(monkeypatch):
    """Return a function that sets how many targets a block has."""

    def in_blocks_of(rows):
        monkeypatch.setattr(attention, "_ROWS", rows)
        monkeypatch.setattr(attention, "_MOST", 100)
        monkeypatch.setattr("xdl.backend.numpy.BLOCK", 1)

    return in_blocks_of


def _attend(q, k, v):
    return xdl.scaled_dot_product_attention(q, k, v, causal=True)


def _trained(shapes, rng):
    """Return the output of attention, and the gradients of its weighted sum."""
    drawn = [rng.standard_normal(shape) for shape in shapes]
    variables = [Variable(array) for array in drawn]
    y = _attend(*variables)
    (y * np.cos(np.arange(y.size)).reshape(y.shape)).sum().backward()
    return [y.numpy(), *(variable.grad for variable in variables)]


@every_shape
@pytest.mark.parametrize("rows", [1, 2, 4])
def test_blocks_give_the_numbers_of_the_whole(blocks, shapes, rows):
    expected = _trained(shapes, np.random.default_rng(0))

    blocks(rows)
    found = _trained(shapes, np.random.default_rng(0))

    for want, got in zip(expected, found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@every_shape
def test_gradients_of_blocks_can_be_differentiated_again(blocks, shapes, rng):
    blocks(2)

    check_gradient(_attend, *[rng.standard_normal(s) for s in shapes], order=2)


def test_a_block_keeps_the_weights_of_the_keys_that_it_may_see(blocks):
    blocks(2)
    q = Variable(np.zeros((6, 3)))

    y = _attend(q, q, q)

    *_, weights, _ = y._node.kept
    assert [(2, 2), (2, 4), (2, 6)] == [part.shape for part in weights]


def test_what_no_target_before_it_sees_does_not_count_for_them(blocks):
    blocks(2)
    q, k, v = (Variable(np.ones((n, 2))) for n in (5, 7, 7))
    k.value[3:], v.value[3:] = np.nan, np.inf

    y = _attend(q, k, v)
    y.backward(np.repeat([1.0, 0.0], [3, 2])[:, None] * np.ones((5, 2)))

    assert np.isfinite(y.numpy()[:3]).all()
    assert not np.isfinite(y.numpy()[3:]).any()
    assert np.isfinite(q.grad[:2]).all()
    assert not k.grad[5:].any()
    assert not v.grad[5:].any()


def test_masks_are_taken_as_a_whole(blocks):
    blocks(2)
    q = Variable(np.zeros((4, 3)))
    mask = np.tri(4, dtype=bool)

    y = xdl.scaled_dot_product_attention(q, q, q, mask, causal=True)

    assert (4, 4) == y._node.kept[-2].shape


@every_executor
def test_a_compiled_step_attends_in_blocks(blocks, executor, rng):
    blocks(3)
    weight = Variable(rng.standard_normal((4, 12)).astype("f4"))
    optimizer = xdl.SGD([weight], lr=0.1)
    x = rng.standard_normal((2, 8, 4)).astype("f4")

    def step(x):
        q, k, v = xdl.split(x @ weight, 3, axis=-1)
        loss = (_attend(q, k, v) ** 2).mean()
        loss.backward()
        optimizer.update()
        return loss

    compiled = xdl.compile(step, weight, optimizer, executor=executor)
    before = weight.numpy()
    found = [compiled(x).item() for _ in range(4)]
    weight.value = before

    np.testing.assert_allclose(found, [step(x).item() for _ in range(4)], rtol=1e-5)
