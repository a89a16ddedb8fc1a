"""NaN and infinities in every case of every operation: as through its reference."""

import numpy as np
import pytest

from tests.support.counterparts import reference_of
from tests.support.operations import cases_of, with_cases
from xdl.backend import is_floating
from xdl.testing import draw_inputs

BAD = (np.nan, np.inf, -np.inf)
# Linear in each input, with a reference that multiplies what does not count with 0.
LINEAR = {"Conv2dByInput", "Conv2dByWeight"}
LINEAR |= {"Conv3d", "Conv3dByInput", "Conv3dByWeight"}
NOT_COMPARED = {
    "CtcLoss": "a class that no path shows is among those whose largest is taken off",
    "Einsum": "products in another order are another of NaN and the infinities",
}


def _places(array):
    return sorted({0, array.size // 2, array.size - 1}) if array.size else []


def non_finite(case):
    """Yield the inputs of a case with one number replaced, and which input it is."""
    inputs = draw_inputs(case)
    for i, array in enumerate(inputs):
        if array is None or not is_floating(array):
            continue
        for place in _places(array):
            for bad in BAD:
                changed = array.copy()
                changed.reshape(-1)[place] = bad
                yield i, [*inputs[:i], changed, *inputs[i + 1 :]]


def _pattern(array):
    """Return 0 for every finite number, NaN and infinities as they are."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array
    return np.where(np.isfinite(array), 0.0, array)


def _differing(case, expected_of, actual_of, few=None):
    """Return the first calls whose results are not finite in the same way."""
    found = []
    for i, inputs in non_finite(case):
        if few is not None and i >= few:
            break
        with np.errstate(all="ignore"):
            expected, actual = _pattern(expected_of(i, inputs)), actual_of(inputs)
        actual = _pattern(actual)
        if not np.array_equal(expected, actual, equal_nan=expected.dtype.kind == "f"):
            found.append((i, expected.tolist(), actual.tolist()))
    return found[:2]


def _is_compared(op_class, case):
    name = op_class.__name__
    return name not in LINEAR and name not in NOT_COMPARED


@pytest.mark.parametrize(("op_class", "case"), cases_of(has=_is_compared))
def test_non_finite_numbers_go_through_as_in_the_reference(op_class, case):
    op, reference = op_class(**case.options), reference_of(op_class)

    differing = _differing(
        case,
        lambda i, inputs: reference(*inputs, **case.options),
        lambda inputs: op(*inputs).numpy(),
    )

    assert [] == differing


@pytest.mark.parametrize(
    ("op_class", "case"),
    cases_of(has=lambda op_class, case: op_class.__name__ in LINEAR),
)
def test_nan_reaches_what_a_linear_operation_makes_of_it(op_class, case):
    op = op_class(**case.options)

    def made_of(i, inputs):
        """Return NaN where a finite number in the place of the other shows."""
        bad = ~np.isfinite(inputs[i])
        ys = [
            op(*inputs[:i], np.where(bad, number, inputs[i]), *inputs[i + 1 :]).numpy()
            for number in (0.0, 1.0)
        ]
        return np.where(ys[0] != ys[1], np.nan, 0.0)

    differing = _differing(
        case,
        made_of,
        lambda inputs: np.where(np.isfinite(op(*inputs).numpy()), 0.0, np.nan),
        few=1 if case.options.get("padding") else None,  # weights meet what is padded
    )

    assert [] == differing


def test_excuses_are_those_of_operations():
    names = {op_class.__name__ for op_class in with_cases()}

    assert names >= LINEAR | NOT_COMPARED.keys()
