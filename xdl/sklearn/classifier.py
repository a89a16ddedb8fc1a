"""The classifier."""

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
from sklearn.utils.validation import _check_sample_weight, validate_data

from xdl.errors import ArgumentError
from xdl.sklearn.mlp import MLP
from xdl.sklearn.network import Array, Given


@dataclasses.dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, MLP):
    """Classify with a multilayer perceptron: scikit-learn's, trained by xdl.

    It takes the place of ``sklearn.neural_network.MLPClassifier``.

    Args:
        hidden_layer_sizes: units of each hidden layer; default (100,).
        activation: of the hidden units: "relu" (default), "identity", "logistic",
            "tanh", or the name of a function of xdl, such as "gelu".
        solver: "adam" (default), "sgd", or "lbfgs", which takes all samples at once.
        alpha: the factor of half the squares of the weights, over the samples of a
            batch; biases are spared. Default 1e-4.
        batch_size: samples of a batch; "auto" (default): 200, or all.
        learning_rate: of "sgd": "constant" (default); "invscaling", the rate over the
            ``power_t``-th power of the samples seen; "adaptive", a fifth each time
            that training no longer gets better.
        learning_rate_init: the rate of the first epoch; default 0.001.
        power_t: of "invscaling"; default 0.5.
        max_iter: epochs at most; of "lbfgs" iterations; default 200.
        shuffle: whether samples come in a new order in each epoch; default True.
        random_state: None, a seed, or a RandomState of NumPy: for the first weights,
            the orders, the samples put aside.
        tol: by how much the loss, or the score, has to get better; default 1e-4.
        verbose: whether each epoch is printed; default False.
        warm_start: whether ``fit`` goes on from the weights that there are.
        momentum, nesterovs_momentum: of "sgd"; default 0.9 and True.
        early_stopping: whether samples are put aside, training ends when their score
            no longer gets better, and the weights of the best score are kept; default
            False.
        validation_fraction: the part that is put aside; default 0.1.
        beta_1, beta_2, epsilon: of "adam"; default 0.9, 0.999 and 1e-8.
        n_iter_no_change: epochs without progress before training ends; default 10.
        max_fun: of "lbfgs": how often the loss is computed, at most; default 15000.
        dropout: the part of hidden units that is dropped in training; default 0.
        batch_norm: whether hidden units are normalized over the batch; default False.
        n_members: of how many networks the results are averaged; default 1.
        executor: of ``xdl.compile``, which records the step: "numpy" (default),
            "numba", or None, where each step runs as it is.
        class_weight: None, "balanced", or a dict from class to a factor of the weights
            of its samples.

    Attributes:
        classes_: the classes, in order.
        coefs_, intercepts_: the weights (rows, columns) and biases of the layers.
        loss_, best_loss_, loss_curve_: of the last epoch, the least, and of each.
        validation_scores_, best_validation_score_: with ``early_stopping``, else None.
        n_iter_, t_: epochs, and samples that were seen.
        n_features_in_, feature_names_in_: of ``X``.
        n_layers_, n_outputs_, out_activation_: of the network.
        members_: with ``n_members`` above 1, the estimators that are averaged.

    Example:
        >>> from xdl.sklearn import MLPClassifier
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
        >>> model = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, y)
        >>> model.predict([[0.2], [2.8]]).tolist()
        ['low', 'high']

    Reference: the interface and the start are those of Pedregosa et al.,
    "Scikit-learn: Machine Learning in Python", 2011.
    """

    _: dataclasses.KW_ONLY
    class_weight: Any = None

    def _validated(self, X, y, weight, is_partial, is_new):
        dtypes = [np.float64, np.float32]
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=dtypes,
            reset=is_new,
        )
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
        kind = self._label_binarizer.y_type_
        self.out_activation_ = "softmax" if kind == "multiclass" else "logistic"
        return X, self._label_binarizer.transform(y).astype(bool), weight

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
                "MLPClassifier: class_weight came with targets of several labels, "
                "needed one class for each sample"
            )
        factors = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return weight * factors[np.searchsorted(self.classes_, y)]

    def _given(self, y):
        """Return the classes of targets that were made numbers."""
        return self._label_binarizer.inverse_transform(y.astype(int))

    def _scored(self, outputs, y, weight):
        if not np.isfinite(outputs).all():
            return float("nan")
        return accuracy_score(y, self._classes_of(outputs), sample_weight=weight)

    def _classes_of(self, outputs):
        outputs = outputs[:, 0] if self.n_outputs_ == 1 else outputs
        return self._label_binarizer.inverse_transform(outputs)

    def _reported(self, loss):
        return loss

    def _shift(self, target, weight=None):
        return 0.0

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
            kind = type_of_target(y).startswith("multilabel")
            self._label_binarizer.fit(y if kind else self.classes_)
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Given) -> Array:
        """Return the class of each sample (n,), or its labels (n, outputs)."""
        return self._classes_of(self._outputs(X))

    def predict_proba(self, X: Given) -> Array:
        """Return the probabilities of the classes (n, classes)."""
        outputs = self._outputs(X)
        if self.n_outputs_ == 1:
            return np.hstack([1 - outputs, outputs])
        return outputs

    def predict_log_proba(self, X: Given) -> Array:
        """Return the logarithms of the probabilities (n, classes)."""
        return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
