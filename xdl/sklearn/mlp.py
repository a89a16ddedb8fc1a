"""Multilayer perceptrons with the interface of scikit-learn's."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib.util
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from xdl import backend
from xdl.errors import NonFiniteError
from xdl.optim import Optimizer
from xdl.sklearn.estimator import NOT_FINITE, warn
from xdl.sklearn.network import (
    Epochs,
    Held,
    Network,
    Penalized,
    Plan,
    Step,
    borrowed,
    objective,
    on_host,
)
from xdl.sklearn.options import check_options, check_options_of_lbfgs, hidden_sizes
from xdl.sklearn.rate import Rate
from xdl.sklearn.together import Fit, Samples, fit_together
from xdl.sklearn.training import (
    Books,
    ByEpochs,
    Score,
    Trained,
    drawing,
    watch_validation,
)
from xdl.train import Trainer


@dataclasses.dataclass(eq=False, repr=False)
class MLP(Trained):
    """What multilayer perceptrons share: options, fitting, and going forward."""

    hidden_layer_sizes: tuple[int, ...] | int = (100,)
    activation: str = "relu"
    _: dataclasses.KW_ONLY
    solver: str | Callable[..., Optimizer] = "adam"
    alpha: float = 0.0001
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    max_fun: int = 15000
    dropout: float = 0.0
    batch_norm: bool = False
    n_members: int = 1
    executor: str | None = "numpy"

    @property
    def _taken(self):
        return {"accept_sparse": ["csr", "csc"], "dtype": [np.float64, np.float32]}

    @property
    def _dtype(self):
        return self.coefs_[0].dtype

    @property
    def _is_one_of_many(self):
        return self.n_outputs_ == 1

    def _fit(self, X, y, weight, is_partial=False):
        X, y, weight, is_new = self._prepared(X, y, weight, is_partial)
        if self.n_members > 1:
            return self._fit_members(X, y, weight, is_partial, is_new)
        self.__dict__.pop("members_", None)
        if is_new:
            self._begin([X.shape[1], *hidden_sizes(self), self.n_outputs_], X.dtype)
        try:
            with backend.use_device(self._device), self._drawing():
                self._fit_network(X, y, weight, is_partial)
        except NonFiniteError as error:
            raise ValueError(NOT_FINITE) from error
        if not all(np.isfinite(a).all() for a in self._arrays):
            raise ValueError(NOT_FINITE)
        return self

    def _prepared(self, X, y, weight, is_partial=False):
        """Return samples, targets, weights, and whether to begin anew."""
        check_options(self)
        check_options_of_lbfgs(self)
        hidden_sizes(self)
        is_new = not (is_partial or self.warm_start) or not hasattr(self, "coefs_")
        has_members = len(getattr(self, "members_", "1")) == self.n_members
        is_new = is_new or not has_members
        X, y, weight = self._placed(X, y, weight)
        X, y, weight = self._validated(X, y, weight, is_partial, is_new)
        self.n_outputs_ = y.shape[1]
        self._random_state = check_random_state(self.random_state)
        return X, y, weight, is_new

    def _drawing(self):
        if not self.dropout:  # so that all else is drawn as scikit-learn draws it
            return contextlib.nullcontext()
        return drawing(int(self._random_state.randint(2**31 - 1)))

    def _fit_network(self, X, y, weight, is_partial):
        if self.solver == "lbfgs":
            self._fit_lbfgs(X, y, weight)
        else:
            self._fit_batches(X, y, weight, is_partial)

    def _begin(self, units, dtype):
        """Draw weights as scikit-learn draws them, and forget what was before.

        They are uniform within the bounds of Glorot and Bengio, "Understanding the
        difficulty of training deep feedforward neural networks", 2010; so are biases.
        """
        self.n_layers_ = len(units)
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
        self._open_books()

    @property
    def _arrays(self):
        norms = [array for norm in getattr(self, "norms_", ()) for array in norm]
        return [*self.coefs_, *self.intercepts_, *norms]

    def _take(self, arrays):
        count = len(self.coefs_)
        self.coefs_, self.intercepts_ = arrays[:count], arrays[count : 2 * count]
        norms = arrays[2 * count :]
        self.norms_ = [tuple(norms[i : i + 4]) for i in range(0, len(norms), 4)]

    def _fitted(self, network):
        twin = copy.copy(self)
        twin._take(network.read())
        return {name: vars(twin)[name] for name in ("coefs_", "intercepts_", "norms_")}

    @property
    def _has_epochs(self):
        return self.solver != "lbfgs" and self.n_members == 1

    def _plan(self, device=None):
        device = self._device if device is None else device
        first = self.coefs_[0]
        units = (len(first), *[len(bias) for bias in self.intercepts_])
        betas = self.beta_1, self.beta_2
        nesterov = bool(self.nesterovs_momentum and self.momentum > 0)
        known: dict[object, dict[str, Any]] = {
            "adam": {"betas": betas, "eps": self.epsilon},
            "sgd": {"momentum": self.momentum, "nesterov": nesterov},
        }
        return Plan(
            units,
            self.activation,
            self.out_activation_,
            first.dtype.name,
            self.solver,
            tuple(known.get(self.solver, {}).items()),
            self.dropout,
            self.batch_norm,
            self._executor_on(device),
            device,
        )

    def _executor_on(self, device):
        known: dict[str | None, str | None] = {"auto": "numpy", "eager": None}
        executor = known.get(self.executor, self.executor)
        is_for_cpu = executor in ("numpy", "numba")
        return None if is_for_cpu and device.kind != "cpu" else executor

    # With batches.

    def _fit_batches(self, X, y, weight, is_partial):
        if not is_partial or not hasattr(self, "_optimizer"):
            self._optimizer, self._moments = Rate(self), None
        plan = self._plan()
        # What callbacks are told of, and may change, is not for other fits.
        lent = contextlib.nullcontext(Step(plan)) if self.callbacks else borrowed(plan)
        with lent as step:
            step.begin(self._arrays, self.alpha, self._moments)
            step.optimizer.lr = self._optimizer.learning_rate
            self._train(step, X, y, weight, is_partial)
            self._moments = step.optimizer.state_dict()
            self._take(step.network.read())

    def _train(self, step, X, y, weight, once):
        callbacks, books = self._own_callbacks(step.optimizer), Books(self)
        held: Held | None = None
        if self.early_stopping or watch_validation(callbacks):
            X, y, weight, held = self._split(X, y, weight)
        size, arrays = self._size_of_batches(X.shape[0]), self._for_loss(X, y, weight)
        data = Epochs(arrays, size, self._random_state if self.shuffle else None)
        books.begin(X.shape[0], *self._start(step.network, arrays))
        validation, scores = self._validation(held)
        if callbacks:
            loss, network = self._penalized(step), step.network
            executor, told = step.plan.executor or "eager", [books, *callbacks]
            self.callbacks_ = callbacks
            trainer = Trainer(network, step.optimizer, loss, executor, told, scores)
            self._train_by(trainer, books, data, validation, once)
            return
        trainer = self._trainer(step, books, scores, size)
        self._train_by(trainer, books, data.whole, validation, once)

    def _trainer(self, step, books, scores, size):
        """Return what trains by whole epochs, without callbacks."""

        def epoch(arrays):
            return self._loss_of(*step.epoch(arrays, size))

        return ByEpochs(step, self._penalized(step), [books], scores, epoch)

    def _loss_of(self, data, penalty):
        return self._reported(data) + penalty

    def _penalized(self, step):
        shown = self._reported(1.0)
        return Penalized(step.network, self.out_activation_, self.alpha, shown)

    def _start(self, network, arrays):
        """Return the best weights so far, and what is added to each loss."""
        best = network.state_dict() if self.early_stopping else {}
        return best, self._shift(*arrays[1:])

    def _validation(self, held):
        """Return batches of samples that were put aside, and what scores them."""
        if held is None:
            return None, []
        score = Score(self, self._given(held[1]), held[2])
        return Epochs(self._for_loss(*held), self._rows), [score]

    def _for_loss(self, X, y, weight):
        arrays = [X, self._targets(y)]
        if weight is not None:
            arrays.append(weight.astype(self._dtype, copy=False))
        return arrays

    def _is_over(self):
        """Tell whether to end after an epoch, or change the learning rate."""
        self._optimizer.epoch_ended(self.t_)
        return super()._is_over()

    def _stops(self):
        return self._optimizer.stops(self._message())

    def _set_rate(self, trainer):
        if not self._optimizer.is_constant:
            trainer.optimizer.lr = self._optimizer.learning_rate

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
            warn(
                f"lbfgs failed to converge after {found.nit} iterations: "
                f"{found.message}",
                ConvergenceWarning,
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
            options = self.get_params(deep=False)
            options |= {"n_members": 1, "device": str(self._device)}
            if is_classifier(self):
                options["class_weight"] = None  # it is in the weights of the samples
            seeds = self._random_state.randint(2**31 - 1, size=self.n_members)
            self.members_ = [
                type(self)(**options | {"random_state": int(seed)}) for seed in seeds
            ]
        y = self._given(y)
        are_one = is_new and not is_partial and weight is None
        if are_one and all(member._is_member(X) for member in self.members_):
            self._fit_as_one(X, y)
        else:
            self._fit_one_by_one(X, y, weight, is_partial)
        found = vars(self.members_[0])
        self.__dict__.update({n: v for n, v in found.items() if n.endswith("_")})
        return self

    def _fit_one_by_one(self, X, y, weight, is_partial):
        for member in self.members_:
            if is_classifier(self):
                member.classes_ = self.classes_
                member._label_binarizer = self._label_binarizer
            member._fit(X, y, weight, is_partial)

    def _fit_as_one(self, X, y):
        samples = Samples()
        fits = [Fit(member, X, y, samples) for member in self.members_]
        fit_together(fits)
        for error in [fit.error for fit in fits if fit.error is not None]:
            raise error

    def _is_member(self, X):
        """Tell whether this can be fitted together with others."""
        # Draws and weights of samples are in no native step; callbacks and what is
        # printed are for one fit alone.
        others = (
            self.dropout,
            self.n_members > 1,
            self.solver == "lbfgs",
            getattr(self, "class_weight", None),
            self.callbacks,
            hasattr(self, "_skl_callbacks"),
            self.verbose,
            scipy.sparse.issparse(X),
            self._device_for(X).kind != "cpu",
        )
        is_native = self.executor == "numba" and importlib.util.find_spec("numba")
        return bool(is_native) and not any(others)

    # Going forward.

    def _outputs(self, X):
        """Return what the network makes of samples (n, outputs)."""
        check_is_fitted(self)
        device = self._device_for(X)
        X = validate_data(self, on_host(X), reset=False, **self._taken)
        members = getattr(self, "members_", None)
        if members:
            return np.mean([member._outputs(X) for member in members], axis=0)
        network = Network(self._plan(device))
        network.write(self._arrays)
        return self._predicted(network, X)

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
