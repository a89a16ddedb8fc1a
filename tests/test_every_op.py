"""The tests that every operation gets, generated from the cases in its class."""

import numpy as np
import pytest

import xdl
from tests.support.counterparts import reference_of
from tests.support.operations import NOT_DIFFERENTIABLE, cases_of, with_cases
from tests.support.strict import CPU, DEVICE1
from xdl.backend import dtype_name, is_floating, to_numpy
from xdl.core.case import BadCase
from xdl.testing import check_gradient, draw_inputs

CLOSE = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-12}


def _has_gradient(op_class, case):
    return op_class.gradient is not None


def _is_smooth(op_class, case):
    return op_class.gradient is not None and case.is_smooth


def _has_kink(op_class, case):
    return op_class.gradient is not None and not case.is_smooth


def _takes_floats(op_class, case):
    return any(a is not None and is_floating(a) for a in draw_inputs(case))


every_case = pytest.mark.parametrize(("op_class", "case"), cases_of())
every_bad_case = pytest.mark.parametrize(("op_class", "case"), cases_of(BadCase))
every_float_case = pytest.mark.parametrize(
    ("op_class", "case"), cases_of(has=_takes_floats)
)
every_gradient = pytest.mark.parametrize(
    ("op_class", "case"), cases_of(has=_has_gradient)
)
every_kink = pytest.mark.parametrize(("op_class", "case"), cases_of(has=_has_kink))
every_smooth_case = pytest.mark.parametrize(
    ("op_class", "case"), cases_of(has=_is_smooth)
)


def _variables(op, arrays, device="cpu"):
    """Return the arrays as Variables on a device, those of floats trainable."""
    names = op.names_for(arrays)
    constant = (*NOT_DIFFERENTIABLE.get(type(op).__name__, ()), *op.conditions)
    return [
        None
        if array is None
        else xdl.Variable(array, name, is_floating(array) and name not in constant).to(
            device
        )
        for name, array in zip(names, arrays, strict=True)
    ]


def _gy_for(y, seed=1):
    return (
        np.random.default_rng(seed).uniform(-1, 1, y.shape).astype(dtype_name(y.dtype))
    )


def _gradients(variables):
    return [v.grad for v in variables if v is not None and v.trainable]


def _values_and_gradients(op, variables):
    """Return the output and the gradients of a call as NumPy arrays."""
    y = op(*variables)
    if y.trainable:
        y.backward(_gy_for(y))
    return [y.numpy(), *(to_numpy(g) for g in _gradients(variables) if g is not None)]


def _assert_close(expected, actual, rtol):
    assert len(expected) == len(actual)
    for wanted, found in zip(expected, actual, strict=True):
        assert (wanted.shape, wanted.dtype) == (found.shape, found.dtype)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol)


def _in_float64(op):
    """Return a function that calls ``op`` and, for Astype, goes back to float64."""

    def call(*inputs):
        y = op(*inputs)
        return y if dtype_name(y.dtype) == "float64" else xdl.astype(y, "float64")

    return call


def _step(case):
    """Return a step for finite differences that the dtype of the output resolves."""
    is_narrow = case.options.get("dtype") == "float32"
    return {"step": 0.25, "tolerance": 1e-5} if is_narrow else {}


# Value, shape, dtype.


def test_every_operation_has_a_reference_or_a_reason():
    without = [
        f"add `reference = ...` to {c.__module__}.{c.__name__}, or a function to "
        f"tests/ops/{c.__module__.split('.')[2]}/references.py"
        for c in with_cases()
        if reference_of(c) is None
    ]

    assert [] == without


@every_case
def test_value_matches_reference(op_class, case):
    inputs = draw_inputs(case)
    with np.errstate(all="ignore"):
        expected = np.asarray(reference_of(op_class)(*inputs, **case.options))

    y = op_class(**case.options)(*inputs)

    _assert_close([expected], [y.numpy()], CLOSE.get(expected.dtype.name, 0))


@every_case
def test_shape_rule_agrees_with_compute(op_class, case):
    op = op_class(**case.options)
    inputs = draw_inputs(case)

    y = op(*inputs)

    assert op.shape(*(a if a is None else a.shape for a in inputs)) == y.shape


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@every_float_case
def test_dtype_stays(op_class, case, dtype):
    op = op_class(**case.options)
    inputs = draw_inputs(case, dtype)
    expected = op(*draw_inputs(case, "float64")).dtype
    if is_floating(op(*inputs)):
        expected = np.dtype(case.options.get("dtype", dtype))

    variables = _variables(op, inputs)
    y = op(*variables)
    if y.trainable:
        y.backward(_gy_for(y))

    assert expected == y.dtype
    assert op.gradient is None or all(g is not None for g in _gradients(variables))
    assert all(
        (v.grad.shape, v.grad.dtype) == (v.shape, v.dtype)
        for v in variables
        if v is not None and v.grad is not None
    )


# Gradients.


@every_smooth_case
def test_gradient_matches_finite_difference(op_class, case):
    op = op_class(**case.options)

    check_gradient(_in_float64(op), *_variables(op, draw_inputs(case)), **_step(case))


@every_smooth_case
def test_gradient_of_gradient_matches_finite_difference(op_class, case):
    op = op_class(**case.options)
    variables = _variables(op, draw_inputs(case))

    check_gradient(_in_float64(op), *variables, order=2, **_step(case))


@every_kink
def test_gradient_at_a_kink_is_that_of_pytorch(op_class, case):
    op = op_class(**case.options)
    variables = _variables(op, draw_inputs(case))
    y = op(*variables)

    y.backward(np.ones(y.shape))

    expected = [np.asarray(g) for g in case.gradients]
    _assert_close(expected, _gradients(variables), 1e-11)


@every_gradient
def test_gradients_of_two_uses_add(op_class, case):
    op = op_class(**case.options)
    once, twice = (_variables(op, draw_inputs(case)) for _ in range(2))
    y = op(*once)
    gy = _gy_for(y)
    y.backward(gy)

    (op(*twice) + op(*twice)).backward(gy)

    _assert_close([g + g for g in _gradients(once)], _gradients(twice), 1e-12)


@every_gradient
def test_call_of_another_does_not_disturb_backward(op_class, case):
    op = op_class(**case.options)
    alone, first = (_variables(op, draw_inputs(case, "float32")) for _ in range(2))
    state = dict(vars(op))
    expected = _values_and_gradients(op_class(**case.options), alone)

    y = op(*first)
    _values_and_gradients(op, _variables(op, draw_inputs(case, seed=5)))
    y.backward(_gy_for(y))

    actual = [y.numpy(), *_gradients(first)]
    assert [a.tobytes() for a in expected] == [a.tobytes() for a in actual]
    assert state == vars(op)


# What was given stays as it was.


@every_case
def test_inputs_and_gy_stay_as_they_were(op_class, case):
    op = op_class(**case.options)
    raw, variables = draw_inputs(case), _variables(op, draw_inputs(case))
    given = [a for a in raw if a is not None]
    given += [v.value for v in variables if v is not None]
    before = [a.tobytes() for a in given]

    op(*raw)
    y = op(*variables)
    y_before, gy = y.numpy().tobytes(), _gy_for(y)
    gy_before = gy.tobytes()
    if y.trainable:
        y.backward(gy)

    assert before == [a.tobytes() for a in given]
    assert gy_before == gy.tobytes()
    assert y_before == y.numpy().tobytes()


@every_gradient
def test_gradients_share_no_memory(op_class, case):
    op = op_class(**case.options)
    variables = _variables(op, draw_inputs(case))
    y = op(*variables)
    gy = _gy_for(y)

    y.backward(gy)

    given = [v.value for v in variables if v is not None]
    arrays = [*_gradients(variables), gy]
    shared = [
        (i, j)
        for i, a in enumerate(arrays)
        for j, b in enumerate([*arrays[i + 1 :], *given])
        if np.shares_memory(a, b)
    ]
    assert shared == []


# Memory layouts: how each is made of a C-ordered array, for raw data.

LAYOUTS = {
    "fortran": lambda x: np.array(x, order="F"),
    "reversed": lambda x: np.array(np.flip(x), order="C")[
        (slice(None, None, -1),) * x.ndim
    ],
    "strided": lambda x: np.repeat(x, 2, -1)[..., ::2] if x.ndim else x,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "read-only": lambda x: _read_only(x.copy()),
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape) if x.ndim else x,
}


def _read_only(x):
    x.flags.writeable = False
    return x


def _laid_out(layout, x):
    # np.asarray: the index () makes a NumPy scalar, which is a mere number to xdl.
    return None if x is None else np.asarray(LAYOUTS[layout](x))


@pytest.mark.parametrize("layout", LAYOUTS)
@every_case
def test_memory_layout_does_not_matter(op_class, case, layout):
    op = op_class(**case.options)
    given = [_laid_out(layout, a) for a in draw_inputs(case)]
    plain = [
        a if a is None else a.astype(a.dtype.newbyteorder("="), "C") for a in given
    ]
    before = [None if a is None else a.tobytes() for a in given]

    raw = [op(*given).numpy()]
    trained = _values_and_gradients(op, _variables(op, given))

    _assert_close([op(*plain).numpy()], raw, 1e-12)
    _assert_close(_values_and_gradients(op, _variables(op, plain)), trained, 1e-12)
    assert before == [None if a is None else a.tobytes() for a in given]


# The same for Variables: a C-ordered leaf that holds x, and the view of it that is x.

VIEWS = {
    "transposed": (lambda x: x.T, lambda leaf: leaf.T),
    "reversed": (np.flip, lambda leaf: leaf[(slice(None, None, -1),) * leaf.ndim]),
    "strided": (
        lambda x: np.repeat(x, 2, -1) if x.ndim else x,
        lambda leaf: leaf[..., ::2] if leaf.ndim else leaf,
    ),
}


@pytest.mark.parametrize("view", VIEWS)
@every_gradient
def test_views_of_variables_give_the_same(op_class, case, view):
    op = op_class(**case.options)
    inputs = draw_inputs(case)
    plain = _variables(op, inputs)
    expected = _values_and_gradients(op, plain)
    to_leaf, of_leaf = VIEWS[view]
    leaves = [
        xdl.Variable(np.asarray(to_leaf(v.numpy())), v.name)
        if v is not None and v.trainable
        else v
        for v in plain
    ]
    viewed = [of_leaf(v) if v is not None and v.trainable else v for v in leaves]

    y = op(*viewed)
    y.backward(_gy_for(y))

    gradients = [np.asarray(of_leaf(g)) for g in _gradients(leaves) if g is not None]
    _assert_close(expected, [y.numpy(), *gradients], 1e-12)


# Other backends.


@pytest.mark.parametrize("device", [CPU, DEVICE1])
@every_case
def test_strict_backend_gives_the_same(op_class, case, device):
    op = op_class(**case.options)
    inputs = draw_inputs(case, "float32")
    expected = _values_and_gradients(op, _variables(op, inputs))
    variables = _variables(op, inputs, device)

    actual = _values_and_gradients(op, variables)

    _assert_close(expected, actual, CLOSE["float32"])
    assert op(*variables).device == device


@every_smooth_case
def test_strict_backend_differentiates_twice(op_class, case):
    op = op_class(**case.options)
    variables = _variables(op, draw_inputs(case), DEVICE1)

    check_gradient(_in_float64(op), *variables, order=2, **_step(case))


# What must be refused.


@pytest.mark.parametrize("made", ["raw", "Variables"])
@every_bad_case
def test_bad_case_is_refused(op_class, case, made):
    inputs = draw_inputs(case, "float32")

    with pytest.raises(case.error) as caught:
        _call(op_class, case, inputs, made)

    assert case.says in str(caught.value)


def _call(op_class, case, inputs, made):
    op = op_class(**case.options)
    return op(*(inputs if made == "raw" else _variables(op, inputs)))
