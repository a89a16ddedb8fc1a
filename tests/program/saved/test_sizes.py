"""Formulas of what moves with a length: found, written and refused."""

import math

import numpy as np
import pytest

from xdl.program.saved import sizes
from xdl.program.saved.sizes import NoFormula, Scale, Size

LENGTHS = [4, 5, 6, 7, 8, 9]
OTHERS = (1, 2, 3, 10, 64, 1000)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (lambda n: n, "n"),
        (lambda n: 7 * n, "7 * n"),
        (lambda n: n - 1, "n - 1"),
        (lambda n: -n, "-n"),
        (lambda n: 3 - 2 * n, "-2 * n + 3"),
        (lambda n: n * n, "n * n"),
        (lambda n: n * (n - 1) // 2, "(n * n - n) // 2"),
    ],
)
def test_integers_are_polynomials(count, text):
    found = sizes.integer([count(n) for n in LENGTHS], LENGTHS)

    assert text == found.text("n")
    assert [count(n) for n in OTHERS] == [found.at(n) for n in OTHERS]
    assert [count(n) for n in OTHERS] == [eval(text, {"n": n}) for n in OTHERS]


def test_an_integer_that_stays_is_itself():
    assert type(sizes.integer([3] * 6, LENGTHS)) is int


@pytest.mark.parametrize(
    "count",
    [
        lambda n: n // 2,
        lambda n: min(n, 7),
        lambda n: max(n, 6),
        lambda n: n % 3,
        lambda n: -5 % n,
        lambda n: int(n == 6),
        lambda n: n**3,
        lambda n: 2**n,
    ],
)
def test_other_integers_have_no_formula(count):
    with pytest.raises(NoFormula):
        sizes.integer([count(n) for n in LENGTHS], LENGTHS)


@pytest.mark.parametrize(
    ("scale", "text"),
    [
        (lambda n: 1 / n, "1 / n"),
        (lambda n: -1 / n, "-1 / n"),
        (lambda n: 0.1 / n, "0.1 / n"),
        (lambda n: float(n), "n"),
        (lambda n: n / (n - 1), "n / (n - 1)"),
        (lambda n: 1 - 1 / n, "(n - 1) / n"),
        (lambda n: 0.9 * (1 - 1 / n), "0.9 * (n - 1) / n"),
        (lambda n: 49 * n / (49 * n - 1), "49 * n / (49 * n - 1)"),
        (lambda n: n * 50176 / (n * 50176 - 1), "50176 * n / (50176 * n - 1)"),
        (lambda n: 1 / (10 * n - 1), "1 / (10 * n - 1)"),
        (lambda n: 0.0123456789 / n, "0.0123456789 / n"),
        (lambda n: 1 / math.sqrt(n), "(1 / n) ** 0.5"),
        (lambda n: -math.sqrt(n), "-(n) ** 0.5"),
        (lambda n: math.sqrt(2 / (n + 10)), "(2 / (n + 10)) ** 0.5"),
        (lambda n: math.sqrt(n / (n - 1)), "(n / (n - 1)) ** 0.5"),
    ],
)
def test_floats_are_fractions_or_their_roots(scale, text):
    found = sizes.number([scale(n) for n in LENGTHS], LENGTHS)

    expected = [scale(n) for n in (2, 3, 64, 1000)]
    assert text == found.text("n")
    np.testing.assert_allclose(
        [found.at(n) for n in (2, 3, 64, 1000)], expected, rtol=1e-14
    )
    np.testing.assert_allclose(
        [eval(text, {"n": n}) for n in (2, 3, 64, 1000)], expected, rtol=1e-14
    )


@pytest.mark.parametrize(
    "scale",
    [
        lambda n: math.log(n),
        lambda n: 0.5**n,
        lambda n: 1 / min(n, 7),
        lambda n: 1 / (n * n + 1),
        lambda n: 1 / n if n != 6 else 1 / 6 + 1e-13,
        lambda n: 1 / n if n != 6 else math.nan,
        lambda n: 0.0 if n < 7 else -0.0,
    ],
)
def test_other_floats_have_no_formula(scale):
    with pytest.raises(NoFormula):
        sizes.number([scale(n) for n in LENGTHS], LENGTHS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.0, 0.1])
def test_a_float_that_stays_is_itself(value):
    found = sizes.number([value] * 6, LENGTHS)

    assert type(found) is float
    assert repr(value) == repr(found)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda n: np.zeros((n, 3), "f4"), "np.zeros((n, 3), np.float32)"),
        (lambda n: np.ones(n), "np.ones((n,), np.float64)"),
        (lambda n: np.full((2 * n,), 7), "np.full((2 * n,), 7, np.int64)"),
        (lambda n: np.full(5, 1 / n), "np.full((5,), 1 / n, np.float64)"),
        (lambda n: np.full(5, 1 / n, "f4"), "np.full((5,), 1 / n, np.float32)"),
        (lambda n: np.ones((n, n), bool), "np.full((n, n), True, np.bool)"),
        (lambda n: np.zeros((0, n)), "np.zeros((0, n), np.float64)"),
        (lambda n: np.arange(n), "np.arange(n)"),
        (lambda n: np.arange(n)[::-1], "np.arange(n) * -1 + (n - 1)"),
        (lambda n: np.arange(0, 10 * n, 10), "np.arange(n) * 10"),
        (
            lambda n: np.arange(2.0, n + 2, dtype="f4")[:, None],
            "(np.arange(n) + 2.0).astype(np.float32).reshape((n, 1))",
        ),
    ],
)
def test_arrays_repeat_a_number_or_count(make, text):
    found = sizes.array([make(n) for n in LENGTHS], LENGTHS)

    assert text == found.text("n")
    for n in (2, 3, 64, 1000):
        expected, made = make(n), eval(text, {"n": n, "np": np})
        assert expected.dtype == made.dtype
        np.testing.assert_allclose(made, expected, rtol=1e-6)
        assert sizes.is_made(found, expected, n)


def test_an_array_that_stays_needs_no_formula():
    assert sizes.array([np.arange(3.0)] * 6, LENGTHS) is None


@pytest.mark.parametrize(
    "make",
    [
        np.eye,
        lambda n: np.geomspace(1, 2, n),
        lambda n: np.random.default_rng(0).random(n),
        lambda n: np.zeros(n // 2),
        lambda n: np.arange(n) % 3,
        lambda n: np.zeros(n, "f4" if n < 7 else "f8"),
        lambda n: np.arange(3) if n < 9 else np.arange(1, 4),
        lambda n: np.arange(n) > 2,
    ],
)
def test_other_arrays_have_no_formula(make):
    with pytest.raises(NoFormula):
        sizes.array([make(n) for n in LENGTHS], LENGTHS)


def test_what_moves_is_found_in_nested_arguments():
    size, scale = Size(4, (0, 1)), Scale(0.25, 1.0, None, 0, False)

    assert sizes.moves((1, (slice(None, size), "a")))
    assert sizes.moves([scale])
    assert not sizes.moves((4, 0.25, slice(None), None))
    assert "(n, 3)" == sizes.text_of((size, 3), "n")
