"""Checkpoints that are whole but make no sense: one CheckpointError, no change."""

import hashlib

import numpy as np
import pytest

import xdl
from tests.io.forged import (
    bits_of,
    forge,
    mutated,
    put,
)
from tests.io.trained import Training
from tests.support.faults import fault
from xdl import CheckpointError, Variable
from xdl.backend import random as draws


@pytest.fixture
def path(tmp_path):
    """Return where a checkpoint may be, alone in its folder."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "last.safetensors"


GENERATORS = {
    name: getattr(np.random, name)
    for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_the_state_of_a_generator_is_taken_back(kind, path):
    rng = np.random.Generator(GENERATORS[kind](7))
    rng.random(1001, dtype=np.float32)
    xdl.save(path, rng=rng)
    expected = rng.random(1000).tolist()

    other = np.random.Generator(GENERATORS[kind](8))
    xdl.load(path, rng=other)

    assert expected == other.random(1000).tolist()


OUTSIDE = [-1, 5, 625, 2**31, 2**40, 10**400, 1.5, True, None, "0", [0]]


@fault(84, *OUTSIDE, names="value")
@pytest.mark.parametrize(
    "kind, at",
    [
        ("MT19937", ("state", "pos")),
        ("Philox", ("buffer_pos",)),
        ("Philox", ("has_uint32",)),
        ("Philox", ("uinteger",)),
        ("PCG64", ("has_uint32",)),
        ("PCG64", ("state", "state")),
        ("SFC64", ("uinteger",)),
    ],
)
def test_a_place_outside_a_generator_is_refused(kind, at, value, path):
    rng = np.random.Generator(GENERATORS[kind](7))
    xdl.save(path, rng=rng)
    forge(path, put("rng", *at, value=value))
    before = bits_of({"rng": rng})
    is_right = type(value) is int and 0 <= value < {"pos": 625, "uinteger": 2**32}.get(
        at[-1], 2**128 if at[0] == "state" else 2
    )

    if is_right:
        xdl.load(path, rng=rng)
    else:
        with pytest.raises(CheckpointError, match=f"rng: it is no state of {kind}"):
            xdl.load(path, rng=rng)
        assert before == bits_of({"rng": rng})

    assert 1000 == rng.random(1000).size + 0 * rng.integers(10, dtype=np.uint32)


@fault(84, -1, 2**64, 2**64 + 1, 10**400, 0.5, None, "0", names="number")
def test_a_stream_beyond_its_end_is_refused(number, path):
    xdl.save(path, epoch=1)
    forge(path, put("random", "stream", value=[3, number]))
    before = draws.state()

    with pytest.raises(CheckpointError, match="random: "):
        xdl.load(path, random=True)

    assert before[1] == draws.state()[1]


def test_the_last_draw_of_a_stream_is_followed_by_the_first(path):
    xdl.save(path, epoch=1)
    forge(path, put("random", "stream", value=[3, 2**64 - 1]))
    xdl.load(path, random=True)

    masks = [xdl.ops.dropout(np.ones(64, np.float32), 0.5, True) for _ in range(2)]
    xdl.seed(3)
    first = xdl.ops.dropout(np.ones(64, np.float32), 0.5, True)

    assert first.numpy().tolist() == masks[1].numpy().tolist()


@fault(
    84,
    ("optimizer", "hyperparameters", "lr"),
    ("schedule", "steps"),
    ("schedule", "base_lr"),
    names=("at"),
)
@pytest.mark.parametrize("value", [10**400, -(10**400), 10**300, 1e308])
def test_numbers_beyond_all_floats_are_refused_and_nothing_changes(at, value, path):
    first, second = Training(0), Training(1)
    first.run(3)
    xdl.save(path, **first.things())
    forge(path, put(*at, value=value))
    before = bits_of(second.things())

    try:
        xdl.load(path, **second.things())
    except CheckpointError as error:
        assert f"{at[0]}: " in str(error)
        assert before == bits_of(second.things())
        assert len(str(error)) < 2000


@pytest.mark.parametrize(
    "make, changes",
    [
        (lambda o: xdl.optim.ExponentialLR(o, 2.0), {"steps": 10**6}),
        (lambda o: xdl.optim.ExponentialLR(o, 2.0), {"steps": 10**400}),
        (lambda o: xdl.optim.StepLR(o, 1, 10.0), {"steps": 400}),
        (lambda o: xdl.optim.CosineAnnealingLR(o, 10), {"steps": 10**400}),
        (lambda o: xdl.optim.OneCycleLR(o, 0.1, 10), {"steps": 11}),
        (lambda o: xdl.optim.OneCycleLR(o, 0.1, 10), {"max_lr": 1e308, "steps": 3}),
        (
            lambda o: xdl.optim.SequentialLR(
                o, [xdl.optim.ConstantLR(o), xdl.optim.ExponentialLR(o, 9.0)], [2]
            ),
            {"steps": 10**5},
        ),
    ],
)
def test_a_schedule_without_a_rate_is_refused_and_stays(make, changes):
    optimizer = xdl.SGD([Variable([1.0])], lr=0.5, momentum=0.5)
    schedule = make(optimizer)
    before = schedule.state_dict(), optimizer.lr, optimizer.momentum
    saved = {**schedule.state_dict(), **changes}

    try:
        schedule.load_state_dict(saved)
    except CheckpointError as error:
        assert "has no learning rate" in str(error)
        assert before == (schedule.state_dict(), optimizer.lr, optimizer.momentum)
    else:
        assert changes == {"max_lr": 1e308, "steps": 3}
        assert np.isfinite(optimizer.lr)


def _no_state(content, entries):
    content["state"] = None


def _many_axes(count):
    def change(content, entries):
        for holder in (content["tensors"]["w"], entries["w"]):
            holder["shape"] = [1] * count + [2]

    return change


def _set(name, key, value):
    def change(content, entries):
        content["tensors"][name][key] = value
        if key in entries[name]:
            entries[name][key] = value

    return change


@fault(
    84,
    _no_state,
    lambda content, entries: "null",
    lambda content, entries: "3",
    lambda content, entries: "[" * 100_000,
    lambda content, entries: '{"a":' * 100_000,
    lambda content, entries: "1" * 5000,
    _many_axes(64),
    _many_axes(65),
    _many_axes(10_000),
    _set("w", "shape", [2**63]),
    _set("w", "shape", [2, 1, -1]),
    _set("w", "shape", None),
    _set("w", "shape", {"2": 1}),
    _set("w", "path", []),
    _set("w", "path", ["nothing", "there"]),
    _set("w", "path", ["epoch"]),
    _set("w", "path", None),
    _set("w", "path", [["w"]]),
    _set("w", "data_offsets", [8, 0]),
    _set("w", "data_offsets", [0.0, 8.0]),
    _set("w", "data_offsets", [0]),
    _set("w", "data_offsets", [-8, 0]),
    _set("w", "dtype", "F8_E4M3"),
    _set("w", "dtype", None),
    _set("w", "sha256", None),
    names="change",
)
def test_sealed_nonsense_is_refused(change, path):
    w = Variable([1.0, 2.0])
    xdl.save(path, w=w, epoch=3)
    forge(path, change)

    with pytest.raises(CheckpointError) as caught:
        xdl.load(path, w=w)

    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 2000
    assert [1.0, 2.0] == w.numpy().tolist()


def test_a_truth_value_that_is_none_is_refused(path):
    xdl.save(path, mask=np.array([True, False]))
    whole = path.read_bytes()

    def change(content, entries):
        content["tensors"]["mask"]["sha256"] = hashlib.sha256(b"\2\0").hexdigest()

    path.write_bytes(whole[:-2] + b"\2\0")
    forge(path, change)

    with pytest.raises(CheckpointError, match="damaged: 'mask'"):
        xdl.load(path)


def test_random_nonsense_is_taken_whole_or_refused(path):
    rng = np.random.default_rng(0)
    training = Training(0)
    xdl.save(path, **training.things())
    whole = path.read_bytes()

    for _ in range(400):
        path.write_bytes(whole)
        forge(path, mutated(rng))
        before = bits_of(training.things())
        try:
            xdl.load(path, random=True, **training.things())
        except CheckpointError as error:
            assert len(str(error)) < 5000
            assert before == bits_of(training.things())
        training.rng.random(700)
    draws.generator().random(10)
