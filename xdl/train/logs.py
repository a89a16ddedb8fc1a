"""Callbacks that write down what was measured: a table, and TensorBoard's files."""

import csv
import importlib
import importlib.util
import io
import numbers
import os
from typing import TYPE_CHECKING, Protocol

from xdl.errors import ArgumentError
from xdl.replacing import replacing
from xdl.train.callback import Callback
from xdl.typing import PathLike

if TYPE_CHECKING:
    from xdl.train.trainer import Trainer


class CSVLogger(Callback):
    """Write the history as a table, after each epoch: a row an epoch.

    The whole file is replaced at once, so it says what the trainer's history does, also
    after a ``load``. Arrays are left out.

    Args:
        path: the file.

    Example:
        >>> import pathlib, tempfile, xdl
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> writing = xdl.train.CSVLogger(path)
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[writing])
        >>> history = trainer.fit([([[1.0, 2.0]], [0])], epochs=2)
        >>> path.read_text().splitlines()[0]
        'epoch,loss,lr'
    """

    def __init__(self, path: PathLike) -> None:
        self.path = path

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Write all epochs."""
        rows = [scalars(logs) for logs in trainer.history]
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        with replacing(os.fsdecode(self.path)) as file:
            file.write(text.getvalue().encode())


class TensorBoard(Callback):
    """Write what was measured for TensorBoard, after each epoch.

    It needs one of the packages ``tensorboardX`` and ``tensorboard``.

    Args:
        folder: where to.

    Raises:
        ArgumentError: at the first epoch: neither package is installed.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> writing = xdl.train.TensorBoard("runs/first")
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[writing])
    """

    def __init__(self, folder: PathLike) -> None:
        self.folder = folder
        self._writer: _Writer | None = None

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Write the last epoch."""
        if self._writer is None:
            self._writer = _writer(os.fsdecode(self.folder))
        logs = scalars(trainer.history[-1])
        epoch = logs.pop("epoch")
        for name, value in logs.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def on_train_end(self, trainer: "Trainer") -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class _Writer(Protocol):
    def add_scalar(self, name: str, value: float, step: int) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


def scalars(logs):
    """Return those of a dict that are numbers."""
    found = {k: v for k, v in logs.items() if isinstance(v, numbers.Real)}
    return {k: v if isinstance(v, int) else float(v) for k, v in found.items()}


def _writer(folder):
    for name, make in (("tensorboardX", _tensorboard_x), ("tensorboard", _Events)):
        if importlib.util.find_spec(name) is not None:
            return make(folder)
    raise ArgumentError(
        "TensorBoard: neither tensorboardX nor tensorboard is installed; pip install "
        "tensorboardX"
    )


def _tensorboard_x(folder):
    return importlib.import_module("tensorboardX").SummaryWriter(folder)


class _Events:
    """What tensorboard itself writes its files with, which needs no TensorFlow."""

    def __init__(self, folder):
        within = "tensorboard.summary.writer.event_file_writer"
        self._file = importlib.import_module(within).EventFileWriter(folder)
        self._event = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self._summary = importlib.import_module("tensorboard.compat.proto.summary_pb2")
        self.flush, self.close = self._file.flush, self._file.close

    def add_scalar(self, name, value, step):
        """Write a number."""
        one = self._summary.Summary.Value(tag=name, simple_value=value)
        summary = self._summary.Summary(value=[one])
        event = self._event.Event(step=step, summary=summary)
        self._file.add_event(event)
