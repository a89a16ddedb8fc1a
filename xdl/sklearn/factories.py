"""What an estimator makes things of: ``module``, and ``module__hidden=32``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ClassVar, Self, TypeVar

from sklearn.base import BaseEstimator

from xdl.arguments import described
from xdl.core.module import Module
from xdl.errors import ArgumentError

Class = TypeVar("Class", bound=type)


class Factories(BaseEstimator):
    """An estimator some of whose parameters make things, of parameters of their own.

    Those of ``module`` are called ``module__name``: they are given to the constructor,
    and are read, set, cloned and searched like all others.

    Attributes:
        factories: the names of the parameters that make things.
    """

    factories: ClassVar[tuple[str, ...]] = ()
    _parameters: dict[str, object]

    def _is_of_factory(self, name):
        prefix, separator, _ = name.partition("__")
        return bool(separator) and prefix in self.factories

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return a dict of all parameters by name."""
        return super().get_params(deep) | self._parameters

    def set_params(self, **params: object) -> Self:
        """Set parameters by name, those of factories too; return the estimator."""
        own = {name: v for name, v in params.items() if self._is_of_factory(name)}
        super().set_params(**{n: v for n, v in params.items() if n not in own})
        self._parameters = self._parameters | own
        return self

    def _parameters_of(self, factory):
        start, named = f"{factory}__", self._parameters.items()
        return {n.removeprefix(start): v for n, v in named if n.startswith(start)}

    def _made(self, factory, *given, **sizes):
        """Return what a factory makes: of its parameters, and of those sizes it names.

        Raises:
            ArgumentError: it is no factory, or takes other parameters.
        """
        make, who = getattr(self, factory), type(self).__name__
        if not callable(make) or isinstance(make, Module):
            raise ArgumentError(
                f"{who}: {factory} {described(make)} came, needed what makes one: a "
                "class or a function"
            )
        parameters = self._parameters_of(factory)
        try:
            signature = inspect.signature(make)
            named = {n: v for n, v in sizes.items() if n in signature.parameters}
            signature.bind(*given, **named | parameters)
        except TypeError as error:
            listed = ", ".join(f"{factory}__{name}" for name in parameters) or "nothing"
            raise ArgumentError(
                f"{who}: {listed} came for {factory} {described(make)}: {error}"
            ) from None
        return make(*given, **named | parameters)


def takes_parameters_of_factories(cls: Class) -> Class:
    """Let the constructor of a dataclass take what its factories do; a decorator."""
    made: Callable[..., None] = vars(cls)["__init__"]

    @functools.wraps(made)
    def init(self, *given, **named):
        own = {n: named.pop(n) for n in list(named) if self._is_of_factory(n)}
        made(self, *given, **named)
        self._parameters = own

    setattr(cls, "__init__", init)  # noqa: B010
    return cls
