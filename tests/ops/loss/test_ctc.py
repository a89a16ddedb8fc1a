"""CTC: other forms of its arguments, long sequences, and what is refused."""

import numpy as np
import pytest

import xdl
from xdl import EmptyBatchError, ShapeError, Variable
from xdl.testing import check_gradient

LABELS, TIMES, COUNTS = [[1, 2], [2, 0], [1, 1]], [4, 3, 4], [2, 1, 2]


def _scores(*shape):
    return xdl.log_softmax(np.random.default_rng(0).standard_normal(shape))


def test_labels_may_stand_one_after_the_other():
    x = _scores(4, 3, 3)

    y = xdl.ctc_loss(x, [1, 2, 2, 1, 1], TIMES, COUNTS, reduction="none")

    expected = xdl.ctc_loss(x, LABELS, TIMES, COUNTS, reduction="none")
    assert expected.numpy().tolist() == y.numpy().tolist()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_one_sequence_needs_no_batch(reduction):
    x = _scores(4, 1, 3)

    y = xdl.ctc_loss(x[:, 0], [1, 2], 4, 2, reduction=reduction)

    expected = xdl.ctc_loss(x, [[1, 2]], [4], [2], reduction=reduction)
    assert ((), expected.item()) == (y.shape, y.item())


def test_the_labels_of_one_sequence_may_be_a_row():
    x = _scores(4, 1, 3)

    y = xdl.ctc_loss(x[:, 0], [[1, 2]], 4, 2)

    assert xdl.ctc_loss(x, [[1, 2]], [4], [2]).item() == y.item()


def test_no_labels_are_read_from_blanks_alone():
    x = _scores(3, 2, 3)

    y = xdl.ctc_loss(x, np.zeros((2, 0), int), [3, 2], [0, 0], reduction="none")

    blanks = x.numpy()[:, :, 0]
    np.testing.assert_allclose(y.numpy(), [-blanks[:, 0].sum(), -blanks[:2, 1].sum()])


def test_one_after_the_other_there_may_be_no_labels_at_all():
    x = _scores(3, 2, 3)

    y = xdl.ctc_loss(x, np.zeros(0, int), [3, 2], [0, 0], reduction="sum")

    blanks = x.numpy()[:, :, 0]
    assert -blanks[:, 0].sum() - blanks[:2, 1].sum() == pytest.approx(y.item())


def test_lengths_and_labels_may_be_of_any_integer_dtype():
    x = _scores(4, 3, 3)

    y = xdl.ctc_loss(
        x, np.array(LABELS, "uint8"), np.array(TIMES, "int16"), np.array(COUNTS, "u1")
    )

    assert xdl.ctc_loss(x, LABELS, TIMES, COUNTS).item() == y.item()


def test_a_long_sequence_has_a_finite_loss_and_gradient():
    x = Variable(np.full((2000, 1, 3), np.log(1 / 3), "float32"))

    y = xdl.ctc_loss(x, [[1, 2]], [2000], [2], reduction="sum")
    y.backward()

    # Four or five runs for all times: their number is a polynomial in 2000.
    assert 2000 * np.log(3) - 4 * np.log(2000) < y.item() < 2000 * np.log(3)
    np.testing.assert_allclose(x.grad.sum((1, 2)), -np.ones(2000), rtol=1e-3)


def test_float16_is_computed_in_float32():
    x = _scores(200, 1, 3).numpy()

    y = xdl.ctc_loss(x.astype("float16"), [[1, 2]], [200], [2])

    expected = xdl.ctc_loss(x.astype("float32"), [[1, 2]], [200], [2]).item()
    assert ("float16", True) == (y.dtype, np.isfinite(y.item()))
    assert expected == pytest.approx(y.item(), rel=1e-2)


def test_a_class_of_probability_0_has_gradient_0():
    x = Variable([[[-1.0, -np.inf, -0.5]], [[-1.0, -2.0, -np.inf]]])

    xdl.ctc_loss(x, [[1]], [2], [1]).backward()

    assert [[[-1.0, 0.0, 0.0]], [[0.0, -1.0, 0.0]]] == x.grad.tolist()


def test_zero_infinity_leaves_impossible_sequences_out():
    x = Variable(_scores(3, 2, 3).numpy())

    y = xdl.ctc_loss(x, [[1, 1], [1, 2]], [2, 3], [2, 2], zero_infinity=True)
    y.backward()

    alone = xdl.ctc_loss(x[:, 1:], [[1, 2]], [3], [2])
    assert alone.item() / 2 == pytest.approx(y.item())
    assert not x.grad[:, 0].any()
    assert x.grad[:, 1].any()


def test_the_gradient_through_log_softmax_is_its_finite_difference():
    x = np.random.default_rng(0).standard_normal((5, 3, 3))

    check_gradient(
        lambda x: xdl.ctc_loss(xdl.log_softmax(x), LABELS, TIMES, COUNTS), x, order=2
    )


def test_a_mean_over_no_sequences_is_refused():
    no = np.zeros(0, int)

    with pytest.raises(EmptyBatchError):
        xdl.ctc_loss(np.zeros((2, 0, 3)), np.zeros((0, 1), int), no, no)


@pytest.mark.parametrize(("targets", "counts"), [([1], [1, 1]), ([1, 1], [3, -1])])
def test_more_or_fewer_labels_than_lengths_are_refused(targets, counts):
    with pytest.raises(ShapeError, match="one label for each of the target_lengths"):
        xdl.ctc_loss(_scores(3, 2, 3), targets, [3, 3], counts)
