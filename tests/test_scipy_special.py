"""Functions of ``scipy.special`` on Variables: SciPy's values, xdl's gradients."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.special

import xdl
from xdl.ops import special
from xdl.testing import check_gradient

ROOT = pathlib.Path(__file__).parents[1]
PAIRS = {"kl_div", "rel_entr", "xlog1py", "xlogy"}
X = np.array([0.0, 0.1, 0.5, 0.9])
Y = np.array([0.2, 0.7, 0.4, 0.0])
OUTSIDE = np.array([-1.0, np.nan, 0.0, 2.0, 0.0])
# SciPy looks at the variable of the environment when it is imported.
WITH_NAMESPACES = {**os.environ, "SCIPY_ARRAY_API": "1"}
CODE = """
import json, sys
import numpy as np, scipy.special, xdl
found = {}
for name in json.loads(sys.argv[1]):
    x, y = xdl.Variable([0.25, 0.5]), xdl.Variable([0.75, 0.125])
    inputs = (x, y) if name in ("kl_div", "rel_entr", "xlog1py", "xlogy") else (x,)
    result = getattr(scipy.special, name)(*inputs)
    xdl.sum(result * result).backward()
    found[name] = [type(result).__name__, result.numpy().tolist(), x.grad.tolist()]
print(json.dumps(found))
"""
REFUSED = """
import scipy.special, xdl
try:
    scipy.special.gammaln(xdl.Variable([1.0]))
except TypeError as error:
    print(error)
"""


def _python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=WITH_NAMESPACES,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def _inputs(name, *arrays):
    return arrays if name in PAIRS else arrays[:1]


every_name = pytest.mark.parametrize("name", sorted(special.__all__))


@every_name
def test_value_is_scipys(name):
    inputs = _inputs(name, X, Y)
    with np.errstate(all="ignore"):
        expected = getattr(scipy.special, name)(*inputs)

    y = getattr(scipy.special, name)(*map(xdl.Variable, inputs))

    np.testing.assert_allclose(y.numpy(), expected, 1e-12)


@pytest.mark.parametrize("name", ["entr", "kl_div", "rel_entr", "xlog1py", "xlogy"])
def test_value_is_scipys_where_there_is_none(name):
    inputs = _inputs(name, OUTSIDE, OUTSIDE[::-1].copy())
    with np.errstate(all="ignore"):
        expected = getattr(scipy.special, name)(*inputs)

    y = getattr(special, name)(*inputs)

    np.testing.assert_allclose(y.numpy(), expected, 1e-12)


@every_name
def test_gradient_matches_finite_difference(name, rng):
    inputs = [xdl.Variable(rng.uniform(0.1, 0.9, 3)) for _ in "xy"]

    check_gradient(getattr(special, name), *_inputs(name, *inputs))


@pytest.fixture(scope="module")
def found():
    """What SciPy gives for each function, through the namespace of Variables."""
    return json.loads(_python(CODE, json.dumps(sorted(special.__all__))))


@every_name
def test_function_is_found_through_the_namespace(name, found):
    x, y = xdl.Variable([0.25, 0.5]), xdl.Variable([0.75, 0.125])
    expected = getattr(special, name)(*_inputs(name, x, y))
    xdl.sum(expected * expected).backward()

    kind, values, gradient = found[name]

    assert "Variable" == kind
    np.testing.assert_allclose(values, expected.numpy(), 1e-6)
    np.testing.assert_allclose(gradient, x.grad, 1e-6)


def test_softmax_of_scipy_runs_on_variables():
    kind, values, gradient = json.loads(_python(CODE, '["softmax"]'))["softmax"]

    x = xdl.Variable([0.25, 0.5])
    expected = xdl.softmax(x)
    xdl.sum(expected * expected).backward()
    assert "Variable" == kind
    np.testing.assert_allclose(values, expected.numpy(), 1e-6)
    np.testing.assert_allclose(gradient, x.grad, 1e-5)


def test_function_without_a_gradient_is_refused_through_the_namespace():
    assert _python(REFUSED).startswith(
        "Variable: scipy.special.gammaln has no counterpart with a gradient in xdl"
    )


def test_function_without_a_gradient_is_refused_as_a_ufunc():
    with pytest.raises(TypeError, match="gammaln has no counterpart"):
        scipy.special.gammaln(xdl.Variable([1.0]))


def test_kl_div_of_scipy_is_not_the_loss_of_that_name():
    x, y = xdl.Variable([0.25, 0.5]), xdl.Variable([0.75, 0.125])

    assert (2,) == scipy.special.kl_div(x, y).shape
