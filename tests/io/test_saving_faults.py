"""Saves that are killed, fail or meet: a whole file is there, the old or the new."""

import errno
import fcntl
import json
import os
import pathlib
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pytest

import xdl
from tests.support.faults import fault
from xdl import ArgumentError, CheckpointError, LinearModel, Variable

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    """Return where a checkpoint may be, alone in its folder."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "last.safetensors"


def _started(*arguments):
    """Start a Python in the project's folder."""
    threads = {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **threads},
        stdout=subprocess.PIPE,
        text=True,
    )


def _run(*arguments):
    """Run a Python in the project's folder; return its exit code and what it says."""
    with _started(*arguments) as process:
        said = process.communicate()[0]
    return process.returncode, said


@fault(42, 20)
def test_killed_saves_leave_a_whole_checkpoint_and_nothing_else(case, path):
    _, said = _run("-m", "tests.io.killed", path.parent, case)

    found = json.loads(said)

    assert sorted(found["steps"]) == found["steps"]
    assert case + 1 == len(found["steps"])
    assert any(found["left"])  # some were killed within a save
    assert 0 == found["at_last"]


@fault(42, "fsync", "replace", "chmod")
def test_save_killed_at_a_step_of_it_leaves_the_old_file(case, path):
    xdl.save(path, epoch=1)
    place = "os.fsync" if case == "fsync" else f"pathlib.Path.{case}"
    place = "shutil.copymode" if case == "chmod" else place
    code = (
        "import os, pathlib, shutil, sys, xdl\n"
        f"{place} = lambda *_: os.kill(os.getpid(), 9)\n"
        "xdl.save(sys.argv[1], epoch=2)"
    )
    assert (-signal.SIGKILL, "") == _run("-c", code, path)
    left = [p for p in path.parent.iterdir() if p != path]

    before = xdl.load(path)
    xdl.save(path, epoch=3)

    assert 1 == len(left)
    assert ({"epoch": 1}, [path]) == (before, list(path.parent.iterdir()))


def test_save_is_on_the_disk_before_and_after_it_takes_the_old_files_place(
    path, monkeypatch
):
    steps, fsync, replace = [], os.fsync, pathlib.Path.replace

    def noted_fsync(opened):
        is_folder = stat.S_ISDIR(os.fstat(opened).st_mode)
        steps.append("fsync of the folder" if is_folder else "fsync")
        fsync(opened)

    def noted_replace(self, target):
        steps.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(pathlib.Path, "replace", noted_replace)

    xdl.save(path, epoch=1)

    assert ["fsync", "replace", "fsync of the folder"] == steps


def test_sweep_spares_the_temporary_file_of_a_save_that_goes_on(path, monkeypatch):
    fsync, other = os.fsync, path.with_name("other")

    def save_another_meanwhile(file):
        monkeypatch.setattr(os, "fsync", fsync)
        xdl.save(other, epoch=2)
        fsync(file)

    monkeypatch.setattr(os, "fsync", save_another_meanwhile)

    xdl.save(path, epoch=1)

    assert ({"epoch": 1}, {"epoch": 2}) == (xdl.load(path), xdl.load(other))


@fault(43, "write", "fsync", "replace", "interrupt")
def test_save_that_fails_leaves_the_old_file_and_nothing_else(case, path, monkeypatch):
    xdl.save(path, epoch=1)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    raised = (
        KeyboardInterrupt() if case == "interrupt" else OSError(errno.ENOSPC, "full")
    )

    def fail(*_):
        raise raised

    if case == "write":  # the system refuses to write more than this in a file
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    else:
        place = (pathlib.Path, "replace") if case == "replace" else (os, "fsync")
        monkeypatch.setattr(*place, fail)
    try:
        with pytest.raises((OSError, KeyboardInterrupt)) as caught:
            xdl.save(path, weight=np.ones(100_000, np.float32))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(path) in str(caught.value) or case == "interrupt"
    assert (before, [path]) == (path.read_bytes(), list(path.parent.iterdir()))


@fault(
    43,
    (lambda path: path.parent, IsADirectoryError),
    (lambda path: path.parent / "missing" / "x", FileNotFoundError),
    (lambda path: path.parent / ("x" * 300), OSError),
    (lambda path: f"{path}\0", CheckpointError),
    (lambda path: os.devnull, CheckpointError),
    names=("place", "error"),
)
@pytest.mark.parametrize("call", [xdl.save, xdl.load])
def test_path_where_no_file_can_be_is_refused_with_it(place, error, path, call):
    where = place(path)

    with pytest.raises(error) as caught:
        call(where, w=Variable([1.0]))

    assert str(where).replace("\0", "\\x00") in str(caught.value)
    assert isinstance(caught.value, OSError)
    assert [] == list(path.parent.iterdir())


@fault(43, "folder", "file")
def test_what_may_not_be_written_to_is_not_replaced(case):
    code = (
        "import os, sys, xdl, xdl.io.checkpoint\n"
        "os.geteuid() or os.setuid(65534)\n"  # root may all
        "try: xdl.save(sys.argv[1], epoch=2)\n"
        "except PermissionError as error: print(error.filename)"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "last.safetensors"
        xdl.save(path, epoch=1)
        path.chmod(0o666 if case == "folder" else 0o444)
        path.parent.chmod(0o555 if case == "folder" else 0o777)

        said = _run("-c", code, path)
        path.parent.chmod(0o700)

        assert (0, f"{path}\n") == said
        assert {"epoch": 1} == xdl.load(path)


@fault(50, np.nan, np.inf)
def test_model_that_could_not_be_loaded_again_does_not_replace_one(case, path):
    model = LinearModel(2, 2)
    xdl.save(path, model=model, epoch=1)
    model.W.value[0] = case

    with pytest.raises(CheckpointError, match=f"{path}: model: 'weight' holds NaN"):
        xdl.save(path, model=model, epoch=2)

    assert 1 == xdl.load(path)["epoch"]


@fault(
    50,
    {},
    {"random": 1},
    {"a": object()},
    {"a": xdl.SGD},
    {"a": {1: 2}},
    {"a": [LinearModel(1, 1)]},
    {"a": np.array(["text"])},
    {"a": np.array([1j])},
    {"a/b": np.ones(1), "a": {"b": np.ones(1)}},
    {"__metadata__": np.ones(1)},
)
def test_what_cannot_be_saved_is_refused(case, path):
    with pytest.raises(ArgumentError, match="save: .* came|save: .* needed"):
        xdl.save(path, **case)

    assert [] == list(path.parent.iterdir())


@fault(52, "processes")
def test_of_two_processes_that_save_to_one_path_one_wins_whole(case, path):
    code = (
        "import sys, numpy as np, xdl\n"
        "for i in range(20):\n"
        "    number = int(sys.argv[2]) + i\n"
        "    xdl.save(sys.argv[1], number=number, w=np.full(50_000, number))"
    )
    writers = [_started("-c", code, path, number) for number in (0, 1000)]
    while not path.exists():
        assert None in [writer.poll() for writer in writers]
    read = [xdl.load(path) for _ in range(20)]

    for writer in writers:
        writer.communicate()

    assert [0, 0] == [writer.returncode for writer in writers]
    assert [] == [s["number"] for s in read if (s["w"] != s["number"]).any()]
    assert xdl.load(path)["number"] in (19, 1019)
    assert [path] == list(path.parent.iterdir())


@fault(52, 4)
def test_threads_that_save_to_one_path_leave_one_whole_file(case, path):
    def work(number):
        for _ in range(10):
            xdl.save(path, number=number, w=np.full(1000, number))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(case)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    saved = xdl.load(path)
    assert (saved["w"] == saved["number"]).all()
    assert [path] == list(path.parent.iterdir())


def test_a_temporary_file_that_another_sweeps_is_made_anew(path, monkeypatch):
    answers = [BlockingIOError(errno.EWOULDBLOCK, "locked"), None]

    def flock(file, how):
        answer = answers.pop(0) if answers else None
        if answer is not None:
            raise answer

    monkeypatch.setattr(fcntl, "flock", flock)
    xdl.save(path, w=np.ones(3))

    assert [1, 1, 1] == xdl.load(path)["w"].tolist()
    assert [] == answers


def test_what_others_put_in_the_folder_is_neither_waited_for_nor_touched(path):
    names = [f".xdl-{i:032x}.tmp" for i in range(4)]
    theirs = [path.with_name(name) for name in names]
    os.mkfifo(theirs[0])
    theirs[1].symlink_to(os.devnull)
    theirs[2].symlink_to(path.parent / "missing")
    theirs[3].mkdir()
    notes = [path.with_name(n) for n in (".xdl-notes.tmp", ".xdl-0123456789abcdef.tmp")]
    for note in notes:
        note.write_text("mine")

    xdl.save(path, epoch=1)

    assert sorted([path, *theirs, *notes]) == sorted(path.parent.iterdir())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_temporary_file_has_the_mode_of_the_old_one(mode, path, monkeypatch):
    xdl.save(path, epoch=1)
    path.chmod(mode)
    modes, fsync = [], os.fsync

    def noted(opened):
        modes.append(stat.S_IMODE(os.fstat(opened).st_mode))
        fsync(opened)

    monkeypatch.setattr(os, "fsync", noted)
    xdl.save(path, epoch=2)

    assert mode == modes[0] == stat.S_IMODE(path.stat().st_mode)
