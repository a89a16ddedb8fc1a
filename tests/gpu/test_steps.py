"""What a training step asks of the GPU: only the host GPU counts it."""

import pytest

import xdl
from tests.host_gpu.training import STEPS
from tests.host_gpu.watch import is_there, watching

# The most that a step may ask: lower a number when a change makes it possible.
# Labels that are on the GPU are asked for their range, which is one more wait.
LIMITS = {
    "digits": {"launch": 10, "wait": 2, "copy to the host": 2},
    "MLP": {"launch": 28, "wait": 2, "copy to the host": 2},
    "CNN b64": {"launch": 68, "wait": 2, "copy to the host": 2},
    "LSTM": {
        "launch": 202,
        "wait": 3,
        "copy to the host": 3,
        "copy to the device": 3,
    },
    "GPT": {"launch": 380, "wait": 3, "copy to the host": 3, "copy to the device": 1},
}
COUNTED = ("launch", "wait", "copy to the host", "copy to the device")


@pytest.mark.gpu
@pytest.mark.skipif(not is_there(), reason="only the host GPU counts")
@pytest.mark.parametrize("name", LIMITS)
def test_a_training_step_asks_no_more_of_the_gpu_than_it_did(name):
    step = STEPS[name]()
    step()
    step()  # what is made at the first one is there

    with watching() as seen:
        step()

    limits = {kind: LIMITS[name].get(kind, 0) for kind in (*COUNTED, *LIMITS[name])}
    over = {kind: seen.counts[kind] - most for kind, most in limits.items()}
    assert seen.counts["launch"]
    assert {} == {kind: n for kind, n in over.items() if n > 0}, str(seen)


@pytest.mark.gpu
@pytest.mark.skipif(not is_there(), reason="only the host GPU counts")
@pytest.mark.parametrize("name", LIMITS)
def test_a_training_step_waits_for_nothing_where_checks_are_deferred(name):
    step = STEPS[name]()
    step()
    xdl.set_checks("deferred")
    try:
        step()

        with watching() as seen:
            step()
    finally:
        xdl.set_checks("immediate")

    assert 0 == seen.counts["wait"] + seen.counts["copy to the host"], str(seen)
