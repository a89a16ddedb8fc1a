"""Threads, forks and processes that compile and replay at the same time."""

import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import threading

import pytest

from tests.attack.threaded import trained
from tests.support.executors import every_executor

ROOT = pathlib.Path(__file__).parents[2]


def _started(place, module, *arguments):
    command = [sys.executable, "-m", f"tests.attack.{module}", *map(str, arguments)]
    environment = os.environ | {"XDL_CACHE": str(place)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


@every_executor
def test_eight_threads_train_as_if_alone(executor, tmp_path):
    for _ in ("a cold cache", "a warm one"):
        said, _ = _started(tmp_path, "threaded", executor, 8).communicate(timeout=300)

        assert "0\n" == said


def test_two_processes_of_threads_share_a_cold_cache(tmp_path):
    pytest.importorskip("numba")
    processes = [_started(tmp_path, "threaded", "numba", 4) for _ in range(2)]

    said = [process.communicate(timeout=300)[0] for process in processes]

    assert ["0\n"] * 2 == said


@every_executor
@pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs forks")
def test_children_of_forks_amid_threads_are_right_or_refuse(executor, tmp_path):
    count = 20
    said, _ = _started(tmp_path, "forked", executor, count).communicate(timeout=300)

    found = json.loads(said)
    assert {"ok", "refused"} >= set(found["trained"]) | set(found["weights"])
    assert {"ok": count} == found["only read"] == found["new"]


@every_executor
@pytest.mark.parametrize("how", ["loky", "spawn"])
def test_new_processes_amid_threads_train_as_this_one(executor, how):
    expected, is_over = trained(2, executor), threading.Event()

    def work():
        while not is_over.is_set():
            trained(0, executor)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        found = _in_processes(how, executor)
    finally:
        is_over.set()
        thread.join()

    assert [expected] * 3 == found


def _in_processes(how, executor):
    if how == "loky":
        joblib = pytest.importorskip("joblib")
        jobs = [joblib.delayed(trained)(2, executor) for _ in range(3)]
        return joblib.Parallel(n_jobs=2, backend="loky")(jobs)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return pool.starmap(trained, [(2, executor)] * 3)
