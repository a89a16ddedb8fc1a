"""scikit-learn's own callbacks, where its version has them: 1.9, SLEP023."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from xdl.sklearn.network import Given

Method = TypeVar("Method", bound=Callable[..., object])


class _Unsupported:
    """Stands for what older versions lack."""


def _alone(method: Method) -> Method:
    return method


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:
    CallbackSupportMixin, with_callbacks = _Unsupported, _alone


class Tasks:
    """What callbacks are told of: a fit, and each epoch in it.

    Args:
        estimator: the estimator.
        X, y, weight: what is fitted.
        epochs: how many there are at most.
    """

    def __init__(
        self, estimator: Given, X: Given, y: Given, weight: Given, epochs: int
    ) -> None:
        metadata = {} if weight is None else {"sample_weight": weight}
        self._given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = self._epoch = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._given)

    def begin_epoch(self) -> None:
        """Tell that an epoch begins."""
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._given)

    def end_epoch(self, fitted: Callable[[], dict[str, object]]) -> bool:
        """Tell that it ended, and whether to stop.

        Args:
            fitted: returns the attributes that the estimator would have now.
        """
        told = self._given | {"reconstruction_attributes": fitted}
        return bool(self._epoch.call_on_fit_task_end(**told))

    def end(self) -> None:
        """Tell that the fit ended."""
        told = self._given | {"reconstruction_attributes": {}}
        self._fit.call_on_fit_task_end(**told)
