"""Rounding to fewer digits: to the nearest number, ties to even, NaN stays."""

import array_api_strict
import numpy as np
import pytest

from tests.support.precisions import NAMES, nasty, rounded, same_bits
from xdl.backend import numpy as host
from xdl.backend.portable import Portable

every_name = pytest.mark.parametrize("name", NAMES)
LEAST = {"tfloat32": 2.0**-126, "bfloat16": 0.0, "float16": 0.0}


def _inputs(name):
    """Return numbers; below the normal ones TF32's are not those of any other."""
    x = nasty()
    with np.errstate(all="ignore"):
        return x[(np.abs(x) >= LEAST[name]) | ~np.isfinite(x)]


@every_name
def test_numbers_are_rounded_to_the_nearest_and_ties_to_even(name):
    x = _inputs(name)

    found = getattr(host, f"round_to_{name}")(x)

    with np.errstate(all="ignore"):
        assert same_bits(rounded(x, name), found)


@every_name
def test_what_was_rounded_is_what_it_was(name):
    once = getattr(host, f"round_to_{name}")(nasty())

    assert same_bits(once, getattr(host, f"round_to_{name}")(once))


@every_name
def test_numbers_may_lie_anyhow(name):
    x = _inputs(name)[:4000].reshape(40, 100)

    found = getattr(host, f"round_to_{name}")(x.T[::2])

    assert same_bits(getattr(host, f"round_to_{name}")(x).T[::2].copy(), found.copy())


@every_name
def test_a_single_number_is_rounded_too(name):
    x = np.float32(1.00390625 + 2**-20)

    found = getattr(host, f"round_to_{name}")(x)

    assert rounded(np.array([x]), name)[0] == found


@every_name
def test_the_portable_twin_gives_the_same(name):
    x = _inputs(name)

    found = getattr(Portable(array_api_strict), f"round_to_{name}")(
        array_api_strict.asarray(x)
    )

    assert same_bits(getattr(host, f"round_to_{name}")(x), np.asarray(found))
