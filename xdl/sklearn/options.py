"""What the options of an estimator may be: refused before anything is trained."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from xdl import ops
from xdl.errors import ArgumentError
from xdl.sklearn.network import ACTIVATIONS
from xdl.train import Callback


class Needed(NamedTuple):
    """What an option must be: in words, and how to tell."""

    words: str
    holds: Callable[[Any], bool]


def real(low: float, high: float = math.inf, closed: str = "[]") -> Needed:
    """Need a number between two; ``closed`` says whether each of them is one too."""

    def holds(value: Any) -> bool:
        if not isinstance(value, numbers.Real) or isinstance(value, bool | np.bool_):
            return False
        number = float(value)
        above = number >= low if closed[0] == "[" else number > low
        return above and (number <= high if closed[1] == "]" else number < high)

    return Needed(f"a number in {closed[0]}{low}, {high}{closed[1]}", holds)


def integer(low: int) -> Needed:
    """Need an int that is not below another one."""

    def holds(value: Any) -> bool:
        is_int = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return is_int and int(value) >= low

    return Needed(f"an int of {low} or more", holds)


def one_of(names: Iterable[Any]) -> Needed:
    """Need one of some values."""
    known = list(names)
    words = f"one of {', '.join(map(repr, known))}"
    return Needed(words, lambda value: any(value is x or value == x for x in known))


def either(first: Needed, second: Needed) -> Needed:
    """Need what one of two allows."""
    words = f"{first.words}, or {second.words}"
    return Needed(words, lambda value: first.holds(value) or second.holds(value))


def _is_activation(value):
    if not isinstance(value, str):
        return False
    return value in ACTIVATIONS or callable(getattr(ops, value, None))


def _are_callbacks(value):
    if not isinstance(value, list | tuple):
        return False
    return all(
        isinstance(one, Callback) or (callable(one) and not _is_callback_class(one))
        for one in value
    )


def _is_callback_class(value):
    return isinstance(value, type) and issubclass(value, Callback)


_OPTIMIZER = Needed("what makes an optimizer of a network and of lr", callable)
_SWITCH = Needed("a bool", lambda value: isinstance(value, bool | np.bool_))
NEEDED = {
    "activation": Needed(
        "'identity', 'logistic', 'tanh', 'relu' or the name of a function of xdl",
        _is_activation,
    ),
    "solver": either(one_of(["lbfgs", "sgd", "adam"]), _OPTIMIZER),
    "alpha": real(0),
    "batch_size": either(one_of(["auto"]), integer(1)),
    "learning_rate": one_of(["constant", "invscaling", "adaptive"]),
    "learning_rate_init": real(0, closed="(]"),
    "power_t": real(0),
    "max_iter": integer(1),
    "shuffle": _SWITCH,
    "tol": real(0),
    "verbose": either(_SWITCH, integer(0)),
    "warm_start": _SWITCH,
    "momentum": real(0, 1),
    "nesterovs_momentum": _SWITCH,
    "early_stopping": _SWITCH,
    "validation_fraction": real(0, 1, "()"),
    "beta_1": real(0, 1, "[)"),
    "beta_2": real(0, 1, "[)"),
    "epsilon": real(0, closed="(]"),
    "n_iter_no_change": either(integer(1), one_of([np.inf])),
    "max_fun": integer(1),
    "loss": one_of(["squared_error", "poisson"]),
    "dropout": real(0, 1, "[)"),
    "batch_norm": _SWITCH,
    "n_members": integer(1),
    "executor": one_of([None, "auto", "eager", "numpy", "numba", "cuda"]),
    "callbacks": Needed(
        "Callbacks of xdl.train, or functions that make one of an optimizer",
        _are_callbacks,
    ),
}


def check_options(estimator: Any, **more: Needed) -> None:
    """Refuse options of an estimator that are none.

    Args:
        estimator: the estimator.
        more: what an option must be where this estimator needs something else.

    Raises:
        ArgumentError: one is of another type or value than needed.
    """
    who = type(estimator).__name__
    for name, value in estimator.get_params(deep=False).items():
        needed = (NEEDED | more).get(name)
        if needed is not None and not needed.holds(value):
            raise ArgumentError(f"{who}: {name} {value!r} came, needed {needed.words}")


def check_options_of_lbfgs(estimator: Any) -> None:
    """Refuse options of an estimator that its solver "lbfgs" does not know.

    Raises:
        ArgumentError: there is one.
    """
    who = type(estimator).__name__
    if estimator.solver != "lbfgs":
        return
    if estimator.dropout or estimator.batch_norm:
        raise ArgumentError(
            f"{who}: dropout {estimator.dropout!r} and batch_norm "
            f"{estimator.batch_norm!r} came with the solver 'lbfgs', needed 0 and "
            "False: its loss must be the same whenever it is asked for"
        )
    if estimator.callbacks:
        raise ArgumentError(
            f"{who}: callbacks came with the solver 'lbfgs', needed none: it has no "
            "steps and epochs that they could be told of"
        )


def hidden_sizes(estimator: Any) -> list[int]:
    """Return the sizes of the hidden layers.

    Raises:
        ArgumentError: one is no int above 0.
    """
    given = estimator.hidden_layer_sizes
    sizes = list(given) if np.iterable(given) else [given]
    if not all(integer(1).holds(size) for size in sizes):
        raise ArgumentError(
            f"{type(estimator).__name__}: hidden_layer_sizes must be > 0, got {sizes}"
        )
    return [int(size) for size in sizes]
