"""What regressors share: targets, scores, and numbers out of a network."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight

from xdl.sklearn.estimator import Estimator
from xdl.sklearn.network import Array, Given


class Regression(RegressorMixin, Estimator):
    """The base of regressors."""

    def _validated(self, X, y, weight, is_partial, is_new):
        X, y = self._checked(X, y, is_new, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weight = None if weight is None else _check_sample_weight(weight, X)
        self.out_activation_ = self._activation_for(y)
        return X, y.reshape(len(y), -1), weight

    def _activation_for(self, y):
        return "identity"

    def _given(self, y):
        return y[:, 0] if y.shape[1] == 1 else y

    def _scored(self, outputs, y, weight):
        if not np.isfinite(outputs).all():
            return float("nan")
        return r2_score(y, outputs, sample_weight=weight)

    @available_if(lambda self: self._is_stochastic())
    def partial_fit(self, X: Given, y: Given, sample_weight: Given = None) -> Self:
        """Go through some samples once; the arguments are those of ``fit``."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Given) -> Array:
        """Return a number for each sample (n,), or several (n, outputs)."""
        return self._given(self._outputs(X))
