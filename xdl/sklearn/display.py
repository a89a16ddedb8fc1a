"""Curves of losses and scores, in the style of scikit-learn's Display objects."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Self

from sklearn.utils.validation import check_is_fitted

from xdl.errors import ArgumentError
from xdl.sklearn.network import Given

_SCORE = "Validation score"


class LossCurveDisplay:
    """The losses of a fit, epoch by epoch, and the scores of samples put aside.

    ``from_estimator`` makes one and draws it; ``plot`` draws it again. It needs
    matplotlib (``pip install "xdl[plot]"``).

    Args:
        losses: the loss of each epoch.
        scores: None, or the validation score of each.
        validation_losses: None, or the validation loss of each.
        name: what the legend calls the estimator; None: it does not.

    Attributes:
        ax_, figure_: the Axes of the losses, and the Figure.
        score_ax_: the Axes of the scores, on the right; None: there are no scores.
        lines_: the lines: of the losses and, if there are some, of the validation
            losses and of the scores.

    Example:
        >>> from xdl.sklearn import LossCurveDisplay
        >>> display = LossCurveDisplay(losses=[0.7, 0.5, 0.4], name="MLPClassifier")
        >>> display.plot().ax_.get_xlabel()
        'Epoch'
    """

    def __init__(
        self,
        *,
        losses: Sequence[float],
        scores: Sequence[float] | None = None,
        validation_losses: Sequence[float] | None = None,
        name: str | None = None,
    ) -> None:
        self.losses, self.scores = losses, scores
        self.validation_losses, self.name = validation_losses, name

    @classmethod
    def from_estimator(
        cls,
        estimator: Given,
        *,
        ax: Given = None,
        name: str | None = None,
        **options: Given,
    ) -> Self:
        """Draw what a fitted estimator's losses and scores were.

        Args:
            estimator: one of ``xdl.sklearn``, or another with ``loss_curve_``.
            ax: the Axes; default: those of a new Figure.
            name: what the legend calls it; default: the name of its class.
            options: of the lines, as matplotlib's ``plot`` takes them.

        Returns:
            The display.

        Raises:
            NotFittedError: it is not fitted.
            ArgumentError: it has no losses of epochs.
        """
        check_is_fitted(estimator)
        who = type(estimator).__name__
        losses = getattr(estimator, "loss_curve_", ())
        if not len(losses):
            raise ArgumentError(
                f"{cls.__name__}: {who} came without loss_curve_, needed an estimator "
                "that was fitted epoch by epoch; the solver 'lbfgs' has no epochs"
            )
        history = getattr(estimator, "history_", ())
        measured = [one["val_loss"] for one in history if "val_loss" in one]
        display = cls(
            losses=losses,
            scores=getattr(estimator, "validation_scores_", None),
            validation_losses=measured or None,
            name=who if name is None else name,
        )
        return display.plot(ax, **options)

    def plot(
        self, ax: Given = None, *, name: str | None = None, **options: Given
    ) -> Self:
        """Draw the curves.

        Args:
            ax: the Axes; default: those of a new Figure.
            name: what the legend calls the estimator.
            options: of the lines, as matplotlib's ``plot`` takes them.

        Returns:
            The display.

        Raises:
            ImportError: matplotlib is missing.
        """
        name = self.name if name is None else name
        self.ax_ = _new_axes() if ax is None else ax
        self.figure_, self.score_ax_ = self.ax_.figure, None
        of = f"{name}: " if name else ""
        curves = [(self.ax_, self.losses, "loss", "-")]
        if self.validation_losses is not None:
            curves.append((self.ax_, self.validation_losses, "validation loss", "--"))
        if self.scores is not None:
            self.score_ax_ = _scores_of(self.ax_)
            curves.append((self.score_ax_, self.scores, "validation score", ":"))
        before = [line for line in self.ax_.lines if line.get_linestyle() == "-"]
        colour = f"C{len(before)}"  # one for each estimator; the dashes say what it is
        self.lines_ = []
        for axes, values, label, style in curves:
            drawn = {"label": of + label, "linestyle": style, "color": colour}
            epochs = range(1, len(values) + 1)
            self.lines_ += axes.plot(epochs, values, **drawn | options)
        self.ax_.set(xlabel="Epoch", ylabel="Loss")
        scored = [] if self.score_ax_ is None else self.score_ax_.lines
        place = "center right" if scored else "best"  # losses fall, and scores rise
        self.ax_.legend(handles=[*self.ax_.lines, *scored], loc=place)
        return self


def _new_axes():
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(
            'LossCurveDisplay: matplotlib is missing; pip install "xdl[plot]"'
        )
    axes = importlib.import_module("matplotlib.pyplot").subplots()[1]
    axes.locator_params(axis="x", integer=True)
    return axes


def _scores_of(axes):
    """Return the Axes of scores over those of losses: there may be some already."""
    for other in axes.get_shared_x_axes().get_siblings(axes):
        is_over = other.get_position().bounds == axes.get_position().bounds
        if is_over and other.get_ylabel() == _SCORE:
            return other
    over = axes.twinx()
    over.set_ylabel(_SCORE)
    return over
