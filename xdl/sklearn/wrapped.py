"""Estimators around a network that a factory makes: what both kinds share."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from xdl import backend
from xdl.arguments import described
from xdl.core.module import Module
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.optim import Adam, Optimizer, Schedule
from xdl.sklearn.factories import Factories
from xdl.sklearn.network import Held, on_host
from xdl.sklearn.options import Needed, check_options, either, one_of, real
from xdl.sklearn.training import (
    LOSSES,
    Books,
    Objective,
    Score,
    Trained,
    drawing,
    watch_validation,
)
from xdl.train import Batches, LRSchedule, Trainer
from xdl.train.course import Course

_ANYTHING = Needed("anything", lambda value: True)
_NEEDED = {
    "tol": either(one_of([None]), real(0)),
    "loss": _ANYTHING,
    "dtype": one_of(["float16", "float32", "float64", "int32", "int64"]),
}


@dataclasses.dataclass(eq=False, repr=False)
class Wrapped(Factories, Trained):
    """What classifiers and regressors around a module share."""

    module: Callable[..., Module]
    _: dataclasses.KW_ONLY
    loss: Callable[..., Variable] | None = None
    optimizer: Callable[..., Optimizer] = Adam
    schedule: Callable[..., Schedule] | None = None
    dtype: str = "float32"
    executor: str | None = "auto"

    factories: ClassVar[tuple[str, ...]] = ("module", "loss", "optimizer", "schedule")
    _rows = 256
    _is_one_of_many = True

    @property
    def _taken(self):
        return {"allow_nd": True, "dtype": self._input_dtype}

    @property
    def _input_dtype(self):
        return np.dtype(self.dtype)

    @property
    def _dtype(self):
        dtype = self._input_dtype
        return dtype if dtype.kind == "f" else np.dtype("float32")

    def _fit(self, X, y, weight, is_partial=False):
        check_options(self, **_NEEDED)
        is_new = not (is_partial or self.warm_start) or not hasattr(self, "module_")
        X, y, weight = self._placed(X, y, weight)
        X, y, weight = self._validated(X, y, weight, is_partial, is_new)
        if weight is not None and not weight.all():  # as if these were not there
            X, y, weight = (array[weight != 0] for array in (X, y, weight))
        self.n_outputs_ = y.shape[1]
        if is_new:
            self._random_state = check_random_state(self.random_state)
        with drawing(self._seed()), backend.use_device(self._device):
            if is_new:
                self._begin(X)
            self._train(X, y, weight, is_partial)
        return self

    def _seed(self):
        return int(self._random_state.randint(2**31 - 1))

    def _begin(self, X):
        """Make a module and its optimizer, and forget what was before."""
        sizes = {"n_features": X.shape[-1], "input_shape": X.shape[1:]}
        module = self._made("module", **sizes, n_outputs=self.n_outputs_)
        self._require("module", module, Module)
        self.module_ = module = _of_dtype(module, self._dtype.name)
        self._in_training = [m for m in module.modules() if m.is_training]
        self.optimizer_ = self._made("optimizer", module)
        self._require("optimizer", self.optimizer_, Optimizer)
        self.schedule_ = None
        if self.schedule is not None:
            self.schedule_ = self._made("schedule", self.optimizer_)
        self._kept = None
        if X.ndim > 2:  # the lengths of sequences may differ
            del self.n_features_in_
        self._open_books()

    def _require(self, factory, made, cls):
        if not isinstance(made, cls):
            raise ArgumentError(
                f"{type(self).__name__}: {described(made)} came from {factory}, needed "
                f"a {cls.__name__}"
            )

    def _train(self, X, y, weight, is_partial):
        held: Held | None = None
        callbacks = self._own_callbacks(self.optimizer_)
        if self.schedule_ is not None:
            watched = "val_loss" if self.early_stopping else "loss"
            callbacks.insert(0, LRSchedule(self.schedule_, monitor=watched))
        if self.early_stopping or watch_validation(callbacks):
            X, y, weight, held = self._split(X, y, weight)
        size = self._size_of_batches(len(X))
        trainer, books = self._trainer_of(callbacks, held, weight, is_partial)
        books.begin(len(X), self.module_.state_dict() if self.early_stopping else {})
        data = self._batches(X, y, weight, size=size, shuffle=self.shuffle)
        validation = None if held is None else self._batches(*held, size=size)
        for module in self._in_training:
            module.is_training = True
        try:
            self._train_by(trainer, books, data, validation, is_partial)
        finally:
            self.module_.eval()

    def _fitted(self, module):
        return {"module_": copy.deepcopy(module).eval()}

    def _trainer_of(self, callbacks, held, weight, goes_on):
        """Return a Trainer and Books: those of the last partial fit, or new ones."""
        is_weighted = weight is not None
        if goes_on and held is None and self._kept is not None:
            trainer, books, had_weights = self._kept
            if had_weights == is_weighted:
                trainer._course = Course()
                return trainer, books
        loss = LOSSES[self.out_activation_] if self.loss is None else self.loss
        who, parameters = type(self).__name__, self._parameters_of("loss")
        books = Books(self)
        trainer = Trainer(
            self.module_,
            self.optimizer_,
            Objective(who, loss, parameters, self.n_outputs_, is_weighted),
            {"auto": None, None: "eager"}.get(self.executor, self.executor),
            [books, *callbacks],
            [] if held is None else [Score(self, self._given(held[1]), held[2])],
        )
        self._kept = (trainer, books, is_weighted) if goes_on else None
        self.callbacks_ = callbacks
        return trainer, books

    def _batches(self, X, y, weight, *, size, shuffle=False):
        found = [v.device for v in self.module_.parameter.values()]
        device = found[0] if found else self._device  # weights may come with the step
        given = [X, self._targets(y)]
        if weight is not None:
            given.append(weight.astype(self._dtype))
        x, *targets = [backend.asarray(array, device) for array in given]
        y = tuple(targets) if weight is not None else targets[0]
        return Batches(x, y, size, shuffle, self._seed())

    def _outputs(self, X):
        """Return what the network makes of samples (n, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, on_host(X), reset=False, **self._taken)
        return self._predicted(self.module_, X)


def _of_dtype(module, dtype):
    """Return a module whose floating weights are of a dtype: itself, or a copy."""
    floating = [v for v in module.parameter.values() if v.dtype.kind == "f"]
    others = [variable for variable in floating if variable.dtype != dtype]
    if not others:
        return module
    new = [Variable(v.value.astype(dtype), v.name, v.trainable) for v in others]
    return copy.deepcopy(module, dict(zip(map(id, others), new, strict=True)))
