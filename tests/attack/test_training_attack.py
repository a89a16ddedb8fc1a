"""Trainings that are killed at twenty random moments each end to the bit."""

import json
import pathlib
import subprocess
import sys

import xdl
from tests.support.executors import eager_and_every_executor

ROOT = pathlib.Path(xdl.__file__).parents[1]
KILLS = 20


@eager_and_every_executor
def test_a_training_that_is_killed_at_twenty_moments_ends_to_the_bit(
    executor, tmp_path
):
    command = [sys.executable, "-m", "tests.train.killed", tmp_path, executor, KILLS]

    finished = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=ROOT
    )

    found = json.loads(finished.stdout or finished.stderr)
    assert found["is_equal"]
    assert KILLS == len(found["killed"])
