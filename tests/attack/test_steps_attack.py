"""Real signals, at random moments: a step, a save and a load are done whole."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.support.executors import eager_and_every_executor
from tests.support.interrupting import interrupts
from tests.test_interrupted import TRAININGS, Training, usual_handler

__all__ = ["usual_handler"]  # a fixture of every test here, too

ROOT = pathlib.Path(__file__).parents[2]
COUNT = 400


def _interrupted(*arguments):
    command = [sys.executable, "-m", "tests.attack.interrupted", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@eager_and_every_executor
@pytest.mark.parametrize("kind", ["linear", "MLP"])
def test_interrupts_leave_the_state_of_one_step(kind, executor):
    assert [str(COUNT), "0"] == _interrupted(executor, kind, COUNT, 0)


@pytest.mark.parametrize("what", ["save", "load"])
def test_interrupts_leave_one_checkpoint_and_no_temporary_file(what):
    assert [str(COUNT), "0", "0"] == _interrupted(what, "MLP", COUNT, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", TRAININGS)
def test_an_interrupt_at_any_instruction_leaves_the_state_of_one_step(name):
    training = Training(*TRAININGS[name], "eager")
    before = training.bits()
    training.restore()
    training.do()
    after = training.bits()

    found = [
        training.bits() for _ in interrupts(training.do, training.restore, 4 * COUNT)
    ]

    assert all(bits in (before, after) for bits in found)
    assert {True, False} == {bits == before for bits in found}
