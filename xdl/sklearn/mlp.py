"""Multilayer perceptrons with the interface of scikit-learn's."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from typing import Any, Self

import numpy as np
import scipy.optimize
import scipy.sparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from xdl import backend, ops
from xdl.core.mode import no_grad
from xdl.errors import ArgumentError, NonFiniteError
from xdl.sklearn.network import Given, Network, Plan, borrowed, objective
from xdl.sklearn.options import check_options, hidden_sizes
from xdl.sklearn.rate import Rate

_ROWS = 4096  # samples that are predicted at a time
_NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed."
)


@dataclasses.dataclass(eq=False, repr=False)
class MLP(BaseEstimator):
    """What classifiers and regressors share: options, fitting, and going forward."""

    hidden_layer_sizes: tuple[int, ...] | int = (100,)
    activation: str = "relu"
    _: dataclasses.KW_ONLY
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dropout: float = 0.0
    batch_norm: bool = False
    n_members: int = 1
    executor: str | None = "numpy"

    def fit(self, X: Given, y: Given, sample_weight: Given = None) -> Self:
        """Fit the network to samples.

        Args:
            X: an array or sparse matrix (n, features).
            y: the targets (n,) or (n, outputs).
            sample_weight: None, or a weight for each sample (n,).

        Returns:
            The estimator.

        Raises:
            ValueError: options, shapes or targets do not fit, there are missing values,
                or the weights became infinite or NaN.
        """
        return self._fit(X, y, sample_weight)

    def _partial_fit(self, X, y, sample_weight):
        if self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, sample_weight, is_partial=True)

    def _fit(self, X, y, weight, is_partial=False):
        check_options(self)
        sizes = hidden_sizes(self)
        is_new = not (is_partial or self.warm_start) or not hasattr(self, "coefs_")
        has_members = len(getattr(self, "members_", "1")) == self.n_members
        is_new = is_new or not has_members
        X, y, weight = self._validated(X, y, weight, is_partial, is_new)
        self.n_outputs_ = y.shape[1]
        self._random_state = check_random_state(self.random_state)
        if self.n_members > 1:
            return self._fit_members(X, y, weight, is_partial, is_new)
        self.__dict__.pop("members_", None)
        if is_new:
            self._begin([X.shape[1], *sizes, self.n_outputs_], X.dtype)
        try:
            if self.solver == "lbfgs":
                self._fit_lbfgs(X, y, weight)
            else:
                self._fit_batches(X, y, weight, is_partial)
        except NonFiniteError as error:
            raise ValueError(_NOT_FINITE) from error
        if not all(np.isfinite(a).all() for a in self._arrays):
            raise ValueError(_NOT_FINITE)
        return self

    def _begin(self, units, dtype):
        """Draw weights as scikit-learn draws them, and forget what was before.

        They are uniform within the bounds of Glorot and Bengio, "Understanding the
        difficulty of training deep feedforward neural networks", 2010; so are biases.
        """
        self.n_layers_, self.n_iter_, self.t_ = len(units), 0, 0
        self.coefs_, self.intercepts_ = [], []
        factor = 2.0 if self.activation == "logistic" else 6.0
        for rows, columns in itertools.pairwise(units):
            bound = np.sqrt(factor / (rows + columns))
            draw = self._random_state.uniform
            self.coefs_.append(draw(-bound, bound, (rows, columns)).astype(dtype))
            self.intercepts_.append(draw(-bound, bound, columns).astype(dtype))
        self.norms_ = [
            tuple([np.full(size, start, dtype) for start in (1.0, 0.0, 0.0, 1.0)])
            for size in (units[1:-1] if self.batch_norm else ())
        ]
        self.loss_curve_: list[float] = []
        self._no_improvement_count = 0
        self.validation_scores_: Any = [] if self.early_stopping else None
        self.best_validation_score_: Any = -np.inf if self.early_stopping else None
        self.best_loss_: Any = None if self.early_stopping else np.inf

    @property
    def _arrays(self):
        norms = [array for norm in getattr(self, "norms_", ()) for array in norm]
        return [*self.coefs_, *self.intercepts_, *norms]

    def _take(self, arrays):
        count = len(self.coefs_)
        self.coefs_, self.intercepts_ = arrays[:count], arrays[count : 2 * count]
        norms = arrays[2 * count :]
        self.norms_ = [tuple(norms[i : i + 4]) for i in range(0, len(norms), 4)]

    def _plan(self):
        first = self.coefs_[0]
        units = (len(first), *[len(bias) for bias in self.intercepts_])
        betas = self.beta_1, self.beta_2
        options: dict[str, Any] = {"betas": betas, "eps": self.epsilon}
        if self.solver != "adam":
            nesterov = bool(self.nesterovs_momentum and self.momentum > 0)
            options = {"momentum": self.momentum, "nesterov": nesterov}
        return Plan(
            units,
            self.activation,
            self.out_activation_,
            first.dtype.name,
            "adam" if self.solver == "adam" else "sgd",
            tuple(options.items()),
            self.dropout,
            self.batch_norm,
            self.executor,
        )

    def _targets(self, y):
        """Return targets as the loss takes them: labels of one of many classes."""
        if self.out_activation_ == "softmax":
            return y.argmax(axis=1)
        return y.astype(self.coefs_[0].dtype, copy=False)

    # With batches.

    def _fit_batches(self, X, y, weight, is_partial):
        if not is_partial or not hasattr(self, "_optimizer"):
            self._optimizer, self._moments = Rate(self), None
        held: tuple[Any, ...] | None = None
        if self.early_stopping:
            X, y, weight, held = self._split(X, y, weight)
        size = self._batch_size(X.shape[0])
        arrays = [X, self._targets(y)]
        if weight is not None:
            arrays.append(weight.astype(self.coefs_[0].dtype, copy=False))
        best = self._arrays
        with borrowed(self._plan()) as trainer:
            trainer.begin(best)
            if self._moments is not None:
                trainer.optimizer.load_state_dict(self._moments)
            best = self._epochs(trainer, arrays, size, held, is_partial)
            self._moments = trainer.optimizer.state_dict()
            self._take(best)

    def _epochs(self, trainer, arrays, size, held, once):
        """Train until it gets no better; return the weights to keep."""
        best, order = trainer.network.read(), np.arange(arrays[0].shape[0])
        self.n_iter_ = 0
        for _ in range(1 if once else self.max_iter):
            try:
                self._epoch(trainer, arrays, order, size)
                if self._is_better(trainer, held):
                    best = trainer.network.read()
            except KeyboardInterrupt:
                warnings.warn("Training interrupted by user.", stacklevel=5)
                break
            except NonFiniteError:
                if held is None:
                    raise
                self.validation_scores_.append(np.nan)
                self._warn(
                    f"Training diverged in epoch {self.n_iter_ + 1}; the weights of "
                    "the best epoch are kept."
                )
                return best
            if self._is_over():
                break
        else:
            if not once:
                self._warn(
                    f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                    "reached and the optimization hasn't converged yet."
                )
        return trainer.network.read() if held is None else best

    def _warn(self, message):
        warnings.warn(message, ConvergenceWarning, stacklevel=6)

    def _epoch(self, trainer, arrays, order, size):
        """Go through all samples once."""
        if self.shuffle:
            self._random_state.shuffle(order)
            arrays = [a[order] for a in arrays]
        if trainer.optimizer.lr != self._optimizer.learning_rate:
            trainer.optimizer.lr = self._optimizer.learning_rate
        data, penalty = trainer.epoch(arrays, self.alpha, size)
        self.loss_ = self._reported(data) + self._shift(*arrays[1:]) + penalty
        self.n_iter_ += 1
        self.t_ += len(order)
        self.loss_curve_.append(self.loss_)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")

    def _is_over(self):
        """Tell whether to end after an epoch, or change the learning rate."""
        self._optimizer.epoch_ended(self.t_)
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        if self._optimizer.stops(self._message()):
            return True
        self._no_improvement_count = 0
        return False

    def _message(self):
        what = "Validation score" if self.early_stopping else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )

    def _is_better(self, trainer, held):
        """Count epochs without progress; tell whether these weights are the best."""
        if held is None:
            is_stuck = self.loss_ > self.best_loss_ - self.tol
            self.best_loss_ = min(self.best_loss_, self.loss_)
            is_best = False
        else:
            X, y, weight = held
            score = self._scored(self._predicted(trainer.network, X), y, weight)
            self.validation_scores_.append(score)
            if self.verbose:
                print(f"Validation score: {score:f}")
            is_stuck = score < self.best_validation_score_ + self.tol
            is_best = score > self.best_validation_score_
            if is_best:
                self.best_validation_score_ = score
        self._no_improvement_count = self._no_improvement_count + 1 if is_stuck else 0
        return is_best

    def _split(self, X, y, weight):
        """Put samples aside for validation, as many of each class as there are."""
        is_stratified = is_classifier(self) and self.n_outputs_ == 1
        given = [X, y] if weight is None else [X, y, weight]
        parts = train_test_split(
            *given,
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=y if is_stratified else None,
        )
        train, held = parts[::2], parts[1::2]
        if held[0].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                "the size of your dataset."
            )
        pair = [None, None] if weight is None else [train[2], held[2]]
        return train[0], train[1], pair[0], (held[0], self._given(held[1]), pair[1])

    def _batch_size(self, n):
        if self.batch_size == "auto":
            return min(200, n)
        if self.batch_size > n:
            warnings.warn(
                f"batch_size {self.batch_size} is larger than the {n} samples; it is "
                "going to be clipped",
                stacklevel=5,
            )
        return min(self.batch_size, n)

    # All samples at once.

    def _fit_lbfgs(self, X, y, weight):
        start = np.concatenate([a.reshape(-1) for a in self._arrays])
        options = {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol}
        found = scipy.optimize.minimize(
            self._loss_grad_lbfgs,
            start.astype(np.float64),
            (X, y, weight),
            "L-BFGS-B",
            jac=True,
            options=options,
        )
        self._take(self._unpacked(found.x))
        self.n_iter_ = min(int(found.nit), self.max_iter)
        shift = self._shift(self._targets(y), *(() if weight is None else (weight,)))
        self.loss_ = float(found.fun) + shift
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if not found.success:
            warnings.warn(
                f"lbfgs failed to converge after {found.nit} iterations: "
                f"{found.message}",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _unpacked(self, packed):
        sizes = [a.size for a in self._arrays]
        parts = np.split(packed, np.cumsum(sizes)[:-1])
        return [
            part.reshape(a.shape).astype(a.dtype)
            for part, a in zip(parts, self._arrays, strict=True)
        ]

    def _loss_grad_lbfgs(self, packed, X, y, weight, *_):
        """Return the loss of all samples and its gradient by the packed weights."""
        network = Network(self._plan())
        network.write(self._unpacked(packed))
        X = X.toarray() if scipy.sparse.issparse(X) else X
        batch = [X, self._targets(y)] + ([] if weight is None else [weight])
        count = len(X) if weight is None else float(weight.sum())
        squares = network.squares() * (0.5 * self.alpha / count)
        total = objective(network, batch, self.out_activation_) + squares
        total.backward()
        grads = [backend.to_numpy(v.grad).reshape(-1) for v in network.variables]
        return total.item(), np.concatenate(grads).astype(np.float64)

    # Several networks, whose results are averaged.

    def _fit_members(self, X, y, weight, is_partial, is_new):
        if is_new:
            options = self.get_params(deep=False) | {"n_members": 1}
            if is_classifier(self):
                options["class_weight"] = None  # it is in the weights of the samples
            seeds = self._random_state.randint(2**31 - 1, size=self.n_members)
            self.members_ = [
                type(self)(**options | {"random_state": int(seed)}) for seed in seeds
            ]
        y = self._given(y)
        for member in self.members_:
            if is_classifier(self):
                member.classes_ = self.classes_
                member._label_binarizer = self._label_binarizer
            member._fit(X, y, weight, is_partial)
        found = vars(self.members_[0])
        self.__dict__.update({n: v for n, v in found.items() if n.endswith("_")})
        return self

    # Going forward.

    def _outputs(self, X):
        """Return what the network makes of samples (n, outputs)."""
        check_is_fitted(self)
        dtypes = [np.float64, np.float32]
        X = validate_data(
            self, X, accept_sparse=["csr", "csc"], dtype=dtypes, reset=False
        )
        members = getattr(self, "members_", None)
        if members:
            return np.mean([member._outputs(X) for member in members], axis=0)
        network = Network(self._plan())
        network.write(self._arrays)
        return self._predicted(network, X)

    def _predicted(self, network, X):
        network.eval()
        last = _LAST[self.out_activation_]
        parts = []
        with no_grad():
            for first in range(0, X.shape[0], _ROWS):
                x = X[first : first + _ROWS]
                x = x.toarray() if scipy.sparse.issparse(x) else x
                x = x.astype(self.coefs_[0].dtype, copy=False)
                parts.append(last(network(x)).numpy())
        network.train()
        return np.concatenate(parts)

    def _is_stochastic(self):
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not "
                "stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


_LAST = {
    "softmax": lambda scores: ops.softmax(scores, axis=1),
    "logistic": ops.sigmoid,
    "exp": ops.exp,
    "identity": lambda scores: scores,
}
