"""A search on a cluster of Dask: what outgrows one machine, by joblib's backends."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("numba")
distributed = pytest.importorskip("distributed", reason="needs dask[distributed]")

import joblib
from sklearn.exceptions import ConvergenceWarning

from xdl.sklearn import GridSearchCV, MLPClassifier

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning",
    "ignore::DeprecationWarning",  # those of Dask's own
    "ignore::ResourceWarning",
)


def test_a_search_on_two_workers_finds_what_one_process_finds(digits):
    network = MLPClassifier((8,), batch_size=32, max_iter=4, executor="numba")
    grid = {"learning_rate_init": [1e-3, 1e-2], "dropout": [0, 0.2]}
    search = GridSearchCV(network.set_params(random_state=0), grid, cv=3)
    expected = search.fit(*digits).cv_results_["mean_test_score"]

    options = {"threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=2, **options) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        found = search.fit(*digits).cv_results_["mean_test_score"]

    np.testing.assert_array_equal(expected, found)
