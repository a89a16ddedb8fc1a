"""What goes block by block is what it is as a whole, for any layout and length."""

import numpy as np
import pytest

from xdl import ops
from xdl.backend import blocks
from xdl.backend import numpy as xp

SHAPES = [(7, 5), (1, 33), (64,), (3, 4, 5, 2)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "SIZE", 10)
    monkeypatch.setattr(blocks, "LEAST", 16)


def _drawn(rng, shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_are_put_one_after_another(rng, shape):
    x, y = _drawn(rng, shape), _drawn(rng, shape)

    product, nothing, total = blocks.by_rows(
        xp, lambda a, b: (a * b, None, a.sum(0, keepdims=True)), x, y
    )

    assert nothing is None
    np.testing.assert_array_equal(product, x * y)
    np.testing.assert_allclose(total.sum(0), x.sum(0), rtol=1e-5, atol=1e-6)
    assert len(total) == -(-len(x) // max(1, 10 * len(x) // x.size))


def test_a_single_result_is_an_array(rng):
    x = _drawn(rng, (9, 4))

    y = blocks.by_rows(xp, np.exp, x)

    np.testing.assert_array_equal(y, np.exp(x))


@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (2, 0, 1)], ids=str)
def test_elements_keep_the_order_in_which_they_lie(rng, axes):
    x = _drawn(rng, (3, 5, 4)).transpose(axes)
    sizes = []

    def doubled(part):
        sizes.append(part.size)
        return part * 2, part < 0

    y, is_negative = blocks.by_elements(xp, doubled, x)

    assert max(sizes) <= 10
    assert y.strides == x.strides
    np.testing.assert_array_equal(y, x * 2)
    np.testing.assert_array_equal(is_negative, x < 0)


def _reversed(x):
    return x[::-1]


def _across(x):
    return np.ascontiguousarray(x.T).T


@pytest.mark.parametrize("laid", [_reversed, _across])
def test_elements_that_lie_otherwise_go_as_a_whole(rng, laid):
    x, other = _drawn(rng, (6, 5)), laid(_drawn(rng, (6, 5)))
    sizes = []

    def added(a, b):
        sizes.append(a.size)
        return a + b

    y = blocks.by_elements(xp, added, x, other)

    assert sizes == [30]
    np.testing.assert_array_equal(y, x + other)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_views_write_into_what_they_are_of(rng, shape):
    x, step = _drawn(rng, shape), np.zeros(())
    before = x.copy()

    for part, count in blocks.views(xp, x, step):
        assert count is step
        part += 1

    np.testing.assert_array_equal(x, before + 1)


def test_views_of_what_does_not_lie_alike_are_the_arrays(rng):
    x, y = _drawn(rng, (6, 5)), _across(_drawn(rng, (6, 5)))

    ((first, second),) = blocks.views(xp, x, y)

    assert first is x and second is y


def test_other_namespaces_have_one_block(rng):
    x = ops.asarray(_drawn(rng, (40,)))
    seen = []

    blocks.by_rows(ops, lambda part: seen.append(part.size), x)

    assert seen == [40]
