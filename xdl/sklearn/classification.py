"""What classifiers share: classes, their weights, and labels out of scores."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import _check_sample_weight

from xdl.errors import ArgumentError
from xdl.sklearn.estimator import Estimator
from xdl.sklearn.network import Array, Given, on_host


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Classification(ClassifierMixin, Estimator):
    """The base of classifiers."""

    class_weight: Any = None

    def _validated(self, X, y, weight, is_partial, is_new):
        X, y = self._checked(X, y, is_new)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if not hasattr(self, "classes_") or (is_new and not is_partial):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y), is_partial)
        weight = None if weight is None else _check_sample_weight(weight, X)
        if self.class_weight is not None:
            weight = self._by_class(y, np.ones(len(y)) if weight is None else weight)
        self.out_activation_ = self._activation_for(self._label_binarizer.y_type_)
        return X, self._one_hot(y), weight

    def _activation_for(self, kind):
        return "softmax" if kind == "multiclass" else "logistic"

    def _one_hot(self, y):
        return self._label_binarizer.transform(y).astype(bool)

    def _check_classes(self, classes, is_partial):
        if not is_partial and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has "
                f"{classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. 'y' has {classes}."
            )

    def _by_class(self, y, weight):
        if y.ndim > 1:
            raise ArgumentError(
                f"{type(self).__name__}: class_weight came with targets of several "
                "labels, needed one class for each sample"
            )
        factors = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return weight * factors[np.searchsorted(self.classes_, y)]

    def _given(self, y):
        """Return the classes of targets that were made numbers."""
        return self._classes_of(y.astype(int))

    def _scored(self, outputs, y, weight):
        if not np.isfinite(outputs).all():
            return float("nan")
        return accuracy_score(y, self._classes_of(outputs), sample_weight=weight)

    def _classes_of(self, outputs):
        if self.out_activation_ == "softmax":
            return self.classes_[outputs.argmax(axis=1)]
        outputs = outputs[:, 0] if self.n_outputs_ == 1 else outputs
        return self._label_binarizer.inverse_transform(outputs)

    def _has_classes(self, classes):
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is None:
            return
        classes = unique_labels(classes)
        if hasattr(self, "classes_"):
            if not np.array_equal(self.classes_, classes):
                raise ValueError(
                    f"`classes={classes}` is not the same as on last call to "
                    f"partial_fit, was: {self.classes_}"
                )
            return
        self.classes_ = classes
        self._label_binarizer = LabelBinarizer()

    @available_if(lambda self: self._is_stochastic())
    def partial_fit(
        self, X: Given, y: Given, sample_weight: Given = None, classes: Given = None
    ) -> Self:
        """Go through some samples once.

        Args:
            X, y, sample_weight: as of ``fit``.
            classes: all classes there will be; needed at the first call.

        Returns:
            The estimator.
        """
        is_first = not hasattr(self, "classes_")
        self._has_classes(classes)
        if is_first:
            y = on_host(y)
            kind = type_of_target(y).startswith("multilabel")
            self._label_binarizer.fit(y if kind else self.classes_)
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Given) -> Array:
        """Return the class of each sample (n,), or its labels (n, outputs)."""
        return self._classes_of(self._outputs(X))

    def predict_proba(self, X: Given) -> Array:
        """Return the probabilities of the classes (n, classes)."""
        outputs = self._outputs(X)
        if outputs.shape[1] == 1 and self.out_activation_ == "logistic":
            return np.hstack([1 - outputs, outputs])
        return outputs

    def predict_log_proba(self, X: Given) -> Array:
        """Return the logarithms of the probabilities (n, classes)."""
        return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
