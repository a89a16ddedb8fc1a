"""What a fit writes down and shows: a table, TensorBoard's files, its progress."""

import csv
import importlib.util
import os
import pathlib
import subprocess
import sys
import types

import pytest

import xdl
from tests.train.trained import Net, Training, X, Y
from xdl import ArgumentError
from xdl.train import Checkpoint, CSVLogger, Progress, TensorBoard, Trainer, batches
from xdl.train.progress import curve

ROOT = pathlib.Path(xdl.__file__).parents[1]
needs_tqdm = pytest.mark.skipif(
    importlib.util.find_spec("tqdm") is None, reason="needs tqdm"
)
# A training that shows its progress.
SHOWN = """
import sys
from tests.train.trained import Training
from xdl.train import Progress
if sys.argv[1:]:
    sys.modules["tqdm"] = None
done = Training("eager", callbacks=lambda *_: [Progress()]).fit(2)
"""


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_has_a_row_for_each_epoch(tmp_path):
    path = tmp_path / "log.csv"
    training = Training("eager", callbacks=lambda *_: [CSVLogger(path)])

    training.fit(3)

    history = training.trainer.history
    found = [{k: float(v) for k, v in row.items()} for row in rows(path)]
    assert history == found


def test_a_table_goes_on_after_a_load_as_if_nothing_had_been_written(tmp_path):
    def callbacks(*_):
        return [CSVLogger(tmp_path / "log.csv"), Checkpoint(tmp_path / "last", 4)]

    Training("eager", callbacks=callbacks).fit(3)  # the last checkpoint is of step 8
    expected = rows(tmp_path / "log.csv")
    resumed = Training("eager", 3, callbacks)
    resumed.trainer.load(tmp_path / "last")

    resumed.fit(3)

    assert expected == rows(tmp_path / "log.csv")


def test_a_table_leaves_arrays_out(tmp_path):
    model = Net()
    path = tmp_path / "log.csv"
    trainer = Trainer(
        model,
        xdl.SGD(model),
        callbacks=[CSVLogger(path)],
        metrics=["confusion_matrix", "accuracy"],
    )

    trainer.fit(batches(X, Y, 8), batches(X, Y, 8))

    assert ["epoch", "loss", "lr", "val_loss", "val_accuracy"] == list(rows(path)[0])


@pytest.mark.parametrize("package", ["tensorboardX", "tensorboard"])
def test_tensorboard_is_written_by_either_package(package, tmp_path, monkeypatch):
    pytest.importorskip(package)
    files = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    found = importlib.util.find_spec

    def find_spec(name):
        return None if name == "tensorboardX" != package else found(name)

    monkeypatch.setattr("xdl.train.logs.importlib.util.find_spec", find_spec)
    training = Training("eager", callbacks=lambda *_: [TensorBoard(tmp_path)])

    training.fit(2)

    events = files.EventAccumulator(str(tmp_path)).Reload()
    assert {"loss", "lr", "val_loss"} == set(events.Tags()["scalars"])
    losses = [(event.step, event.value) for event in events.Scalars("loss")]
    history = training.trainer.history
    expected = [(one["epoch"], pytest.approx(one["loss"])) for one in history]
    assert expected == losses


def test_tensorboard_is_given_the_scalars_of_each_epoch(tmp_path, monkeypatch):
    class SummaryWriter:
        def __init__(self, folder):
            written.append(folder)

        def add_scalar(self, name, value, step):
            written.append((name, step))

        def flush(self):
            written.append("flush")

        def close(self):
            written.append("close")

    written = []
    module = types.ModuleType("tensorboardX")
    module.SummaryWriter, module.__spec__ = SummaryWriter, object()
    monkeypatch.setitem(sys.modules, "tensorboardX", module)

    Training("eager", callbacks=lambda *_: [TensorBoard(tmp_path)]).fit(1)

    named = [("loss", 1), ("lr", 1), ("val_loss", 1)]
    assert [str(tmp_path), *named, "flush", "close"] == written


def test_tensorboard_says_what_it_needs(monkeypatch):
    monkeypatch.setattr("xdl.train.logs.importlib.util.find_spec", lambda name: None)
    training = Training("eager", callbacks=lambda *_: [TensorBoard("folder")])

    with pytest.raises(ArgumentError, match="pip install tensorboardX"):
        training.fit(1)


def test_nothing_is_shown_in_a_pipe():
    command = [sys.executable, "-c", SHOWN]

    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    assert ("", "", 0) == (finished.stdout, finished.stderr, finished.returncode)


def on_a_terminal(*options):
    """Return what a training shows on a terminal."""
    pty, termios = map(pytest.importorskip, ("pty", "termios"))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    command = [sys.executable, "-c", SHOWN, *options]
    with subprocess.Popen(command, stderr=theirs, cwd=ROOT) as process:
        process.wait()
    shown = b""
    os.close(theirs)
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the end, on Linux
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return shown.decode()


@needs_tqdm
def test_a_terminal_shows_the_bar_of_tqdm():
    shown = on_a_terminal()

    assert "100%" in shown
    assert "6/6" in shown
    assert "val_loss" in shown


def test_a_terminal_without_tqdm_shows_a_line_for_each_epoch():
    shown = on_a_terminal("without")

    lines = shown.splitlines()
    assert ["epoch 1", "epoch 2"] == [line.partition("  ")[0] for line in lines]
    assert "val_loss" in lines[0]


@pytest.fixture
def notebook(monkeypatch):
    """Put a notebook in IPython's place; return the texts that it shows."""
    shown = []

    class Handle:
        def update(self, text):
            shown.append(text)

    display = types.ModuleType("IPython.display")
    display.HTML = str
    display.display = lambda text, display_id: Handle()
    module = types.ModuleType("IPython")
    module.get_ipython = lambda: types.SimpleNamespace(kernel=True)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_a_notebook_shows_one_live_line_and_the_curve(notebook):
    Training("eager", callbacks=lambda *_: [Progress()]).fit(3)

    assert notebook[0].startswith("<pre>epoch 0/3, batch 1/3")
    assert notebook[-1].startswith("<pre>epoch 3/3  epoch 3  loss ")
    assert 2 == notebook[-1].count("<polyline")


def test_a_real_notebook_shows_it():
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{SHOWN}"
    code = code.replace("if sys.argv[1:]:", "if False:")
    cell = nbformat.v4.new_code_cell(code)
    book = nbformat.v4.new_notebook(cells=[cell])

    nbclient.NotebookClient(book, timeout=120).execute()

    (output,) = book.cells[0].outputs
    assert "<pre>epoch 2/2  epoch 2  loss " in output["data"]["text/html"]
    assert "<polyline" in output["data"]["text/html"]


def test_a_curve_leaves_out_what_is_not_finite():
    history = [{"loss": 1.0}, {"loss": float("nan")}, {"loss": 3.0}]

    assert 2 == curve(history).partition('points="')[2].partition('"')[0].count(",")
    assert "" == curve(history[:1]) == curve([])
