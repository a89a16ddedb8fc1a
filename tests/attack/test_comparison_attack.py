"""Comparisons of replays with eager, many times: none cries wolf, none is blind.

It takes some minutes, most of them for the errors that are planted.
"""

import pytest

import xdl
from tests.support.executors import needs_numba
from tests.support.planted import ROUNDINGS, Planted
from tests.support.verifying import CASES, SLOW, Verifying

RIGHT = dict.fromkeys(CASES, 20) | {"wide MLP": 12, "deep ResNet": 2}
FEW = {"GRU", "LSTM language model", "GPT", "ResNet"}
PLANTED = {name: 16 if name in FEW else 50 for name in CASES}


@needs_numba
@pytest.mark.parametrize("name", RIGHT)
def test_no_right_replay_is_refused(name):
    verifying, refused = Verifying({**CASES, **SLOW}[name]), []

    for seed in range(RIGHT[name]):
        batches = verifying.begin(seed)
        for when in ("fresh", "trained"):
            try:
                verifying.verify(*batches[0])
            except xdl.GraphError as error:
                refused.append((seed, when, str(error)))
            else:
                verifying.train(batches)

    assert [] == refused


@pytest.mark.parametrize("name", PLANTED)
def test_planted_errors_that_lead_far_are_found(name, monkeypatch, capsys):
    verifying = Verifying(CASES[name], "numpy")

    planted = [
        Planted(verifying, verifying.begin(seed), seed, monkeypatch, seed // 5 % 2 == 1)
        for seed in range(PLANTED[name])
    ]

    missed = [one for one in planted if not one.is_found]
    with capsys.disabled():
        for one in missed:
            print(f"\n{name}: not found: {one.what}, {one.roundings:.3g} roundings")
    assert [] == [one.what for one in missed if one.roundings > ROUNDINGS]
