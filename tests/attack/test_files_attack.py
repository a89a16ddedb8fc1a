"""Files, damaged at random many times: never a crash, never a half, never wrong."""

import json
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest

import xdl
from tests.attack.mutated_entries import CHANGES
from tests.io.forged import bits_of, forge, mutated
from tests.io.trained import Training
from xdl import CheckpointError
from xdl.backend import random as draws

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [0, 1])
def test_damaged_native_code_is_compiled_anew(seed, tmp_path):
    pytest.importorskip("numba")
    command = [sys.executable, "-m", "tests.attack.mutated_entries", tmp_path, 60, seed]

    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert {"right": 60} == json.loads(done.stdout)


def _attacked(path, training, damage, count):
    """Load a file that is damaged so often; return how often it was refused."""
    xdl.save(path, **training.things())
    whole, refused = path.read_bytes(), 0
    for _ in range(count):
        path.write_bytes(whole)
        damage(path)
        before = bits_of(training.things()), draws.state()[1]
        try:
            xdl.load(path, random=True, **training.things())
        except CheckpointError as error:
            assert len(str(error)) < 5000
            assert before == (bits_of(training.things()), draws.state()[1])
            refused += 1
        training.rng.random(700)
        draws.generator().random(10)
    return refused


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_checkpoint_is_refused(change, tmp_path):
    draw = random.Random(0)

    def damage(path):
        whole = path.read_bytes()
        damaged = bytes(change(bytearray(whole), draw))
        path.write_bytes(damaged if damaged != whole else b"")

    assert 1000 == _attacked(tmp_path / "file", Training(0), damage, 1000)


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "Philox", "SFC64"])
def test_sealed_nonsense_is_taken_whole_or_refused(kind, tmp_path):
    training, rng = Training(0), np.random.default_rng(1)
    training.rng = np.random.Generator(getattr(np.random, kind)(3))

    refused = _attacked(
        tmp_path / "file", training, lambda path: forge(path, mutated(rng)), 1500
    )

    assert refused > 500
