"""Progress: how far a fit has come, where somebody looks at it."""

import html
import importlib
import importlib.util
import math
import sys
import time
from typing import TYPE_CHECKING

from xdl.train.callback import Callback
from xdl.train.logs import scalars

if TYPE_CHECKING:
    from xdl.train.trainer import Trainer

_SECONDS = 0.25  # between two looks of a notebook
_WIDTH, _HEIGHT = 320, 80  # of the curve
_COLOURS = {"loss": "#1f77b4", "val_loss": "#d62728"}


class Progress(Callback):
    """Show how far a fit has come, on one line.

    In a notebook it is live text and the curve of the losses; on a terminal the bar of
    tqdm, or without that package a line for each epoch; in a pipe or a file nothing.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> showing = xdl.train.Progress()
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[showing])
        >>> history = trainer.fit([([[1.0, 2.0]], [0])], epochs=2)
    """

    def __init__(self) -> None:
        self._view = _Nothing()

    def on_train_begin(self, trainer: "Trainer") -> None:
        """Find out who looks."""
        self._view = _view()(trainer)

    def on_step_end(self, trainer: "Trainer") -> None:
        """Go on by a step."""
        self._view.step(trainer)

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Say what was measured."""
        self._view.epoch(trainer)

    def on_train_end(self, trainer: "Trainer") -> None:
        """Leave the last line as it is."""
        self._view.close(trainer)
        self._view = _Nothing()


def _view():
    """Return the class of what shows it here."""
    if _in_notebook():
        return _Notebook
    if sys.stderr is None or not sys.stderr.isatty():
        return _Nothing
    return _Bar if importlib.util.find_spec("tqdm") else _Lines


def _in_notebook():
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return hasattr(shell, "kernel")


class _Nothing:
    """Where nobody looks."""

    def __init__(self, trainer=None):
        pass

    def step(self, trainer):
        """Show a step."""

    def epoch(self, trainer):
        """Show an epoch."""

    def close(self, trainer):
        """Show the end."""


class _Lines(_Nothing):
    """A terminal without tqdm: a line an epoch."""

    def epoch(self, trainer):
        print(_text(trainer), file=sys.stderr)


class _Bar(_Nothing):
    """A terminal with tqdm: one bar for all epochs."""

    def __init__(self, trainer):
        of_epoch = trainer.batches
        total = None if of_epoch is None else of_epoch * trainer.epochs
        done = (of_epoch or 0) * trainer.epoch + trainer.place
        self._place, self._epoch = trainer.place, trainer.epoch
        tqdm = importlib.import_module("tqdm").tqdm
        self._bar = tqdm(total=total, initial=done, unit="batch")

    def step(self, trainer):
        before = self._place if trainer.epoch == self._epoch else 0
        self._place, self._epoch = trainer.place, trainer.epoch
        self._bar.update(trainer.place - before)

    def epoch(self, trainer):
        self._bar.set_postfix_str(_text(trainer), refresh=False)

    def close(self, trainer):
        self._bar.close()


class _Notebook(_Nothing):
    """A notebook: one line of live text, and the curve of the losses."""

    def __init__(self, trainer):
        display = importlib.import_module("IPython.display")
        self._html, self._next = display.HTML, 0.0
        self._handle = display.display(display.HTML(""), display_id=True)

    def step(self, trainer):
        if time.monotonic() >= self._next:
            self._show(trainer)

    def epoch(self, trainer):
        self.step(trainer)

    def close(self, trainer):
        self._show(trainer)

    def _show(self, trainer):
        self._next = time.monotonic() + _SECONDS
        of_epoch = "" if trainer.batches is None else f"/{trainer.batches}"
        place = f", batch {trainer.place}{of_epoch}" if trainer.place else ""
        line = f"epoch {trainer.epoch}/{trainer.epochs}{place}  {_text(trainer)}"
        text = f"<pre>{html.escape(line.rstrip())}</pre>{curve(trainer.history)}"
        self._handle.update(self._html(text))


def _text(trainer):
    """Return what was measured of the last epoch, as text."""
    if not trainer.history:
        return ""
    return "  ".join(f"{k} {v:.4g}" for k, v in scalars(trainer.history[-1]).items())


def curve(history):
    """Return the losses of a history as an SVG text; nothing for less than two.

    Args:
        history: as of a Trainer.
    """
    lines = {}
    for name in _COLOURS:
        pairs = [(i, one[name]) for i, one in enumerate(history) if name in one]
        lines[name] = [(i, v) for i, v in pairs if math.isfinite(v)]
    values = [v for pairs in lines.values() for _, v in pairs]
    if len(values) < 2 or len(history) < 2:
        return ""
    low, span = min(values), max(values) - min(values) or 1.0
    drawn = []
    for (name, pairs), colour in zip(lines.items(), _COLOURS.values(), strict=True):
        across, up = _WIDTH / (len(history) - 1), _HEIGHT / span
        points = [f"{i * across:.1f},{_HEIGHT - (v - low) * up:.1f}" for i, v in pairs]
        drawn.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" '
            f'stroke-width="1.5"><title>{name}</title></polyline>'
        )
    box = f'viewBox="-2 -2 {_WIDTH + 4} {_HEIGHT + 4}" width="{_WIDTH}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return f"{start}{''.join(drawn)}</svg>"
