"""scikit-learn's own tests of its multilayer perceptrons, run on these.

Those that pin what scikit-learn happens to draw are left out by name.
"""

import pathlib
import warnings

import pytest

pytest.importorskip("sklearn")

from sklearn.neural_network.tests import test_mlp as own

# The order of samples is drawn otherwise, so these thresholds are those of its draws.
DRAWN: tuple[str, ...] = ()

TEXT = pathlib.Path(own.__file__).read_text(encoding="utf-8")
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
assert IMPORT in TEXT


@pytest.fixture(params=[0, 42])
def global_random_seed(request):
    return request.param


@pytest.fixture(autouse=True)
def quiet():
    """Let fits that are cut short on purpose say so, as scikit-learn's tests do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_here = TEXT.replace(IMPORT, "from xdl.sklearn import MLPClassifier, MLPRegressor")
_names = dict(vars(own), __name__=__name__)
exec(compile(_here, own.__file__, "exec"), _names)
globals().update(
    {n: f for n, f in _names.items() if n.startswith("test_") and n not in DRAWN}
)
