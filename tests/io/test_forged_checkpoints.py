"""Checkpoints that are whole but make no sense: one CheckpointError, no change."""

import hashlib
import os
import resource
import threading
import time

import numpy as np
import pytest

import xdl
from tests.faults import fault
from tests.io.forged import (
    bits_of,
    forge,
    mutated,
    put,
    write,
    write_empty,
)
from tests.io.trained import Training
from xdl import ArgumentError, CheckpointError, Variable
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


def test_a_file_that_is_cut_short_while_it_is_read_is_refused(path, monkeypatch):
    xdl.save(path, w=np.ones(1_000_000))
    size, read = path.stat().st_size, os.fstat

    def cut_after(opened):
        found = read(opened)
        os.truncate(path, size // 2)
        return found

    monkeypatch.setattr(os, "fstat", cut_after)
    with pytest.raises(CheckpointError, match="cut short|truncated"):
        xdl.load(path)


def test_a_file_that_is_cut_again_and_again_never_ends_the_process(path):
    xdl.save(path, w=np.ones(200_000))
    whole, is_over = path.read_bytes(), threading.Event()

    def cut():
        while not is_over.is_set():
            os.truncate(path, 1000)
            path.write_bytes(whole)

    thread = threading.Thread(target=cut)
    thread.start()
    refused = 0
    end = time.monotonic() + 1
    while time.monotonic() < end:
        try:
            assert (xdl.load(path)["w"] == 1).all()
        except CheckpointError:
            refused += 1
    is_over.set()
    thread.join()

    assert refused


def test_a_missing_name_among_very_many_gives_a_short_message(path):
    w = Variable([1.0])
    xdl.save(path, **{f"name{i}": i for i in range(200_000)})

    with pytest.raises(CheckpointError) as caught:
        xdl.load(path, w=w)

    text = str(caught.value)
    assert "missing 'w' (it holds 'name0', 'name1', " in text
    assert "and 199992 more" in text
    assert len(text) < 1000


def test_very_many_misfits_give_a_short_message(path):
    xdl.save(path, model={f"name{i}": i for i in range(20_000)})

    with pytest.raises(CheckpointError) as caught:
        xdl.load(path, model=xdl.LinearModel(2, 3))

    assert len(str(caught.value)) < 4000


def test_very_many_empty_arrays_are_read_in_little_time_and_memory(path):
    count = 50_000
    write_empty(path, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()

    state = xdl.load(path)

    assert count == len(state)
    assert time.process_time() - begin < 10
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 20 * path.stat().st_size


@pytest.mark.parametrize("shape", [(0, 2**40), (2**62, 0, 2**62), (0,) * 64])
def test_empty_arrays_of_any_shape_are_read_or_refused(shape, path):
    write_empty(path, 1, shape)

    try:
        assert shape == xdl.load(path)["0"].shape
    except CheckpointError as error:
        assert "is damaged" in str(error)


def test_a_head_of_so_many_empty_arrays_that_it_takes_long_is_refused(path):
    write_empty(path, 250_000)
    begin = time.process_time()

    with pytest.raises(CheckpointError, match="a head of 5.* at most 33554432"):
        xdl.load(path)

    assert time.process_time() - begin < 1


def test_a_head_longer_than_any_is_refused_before_it_is_read(path):
    with path.open("wb") as file:
        file.write((200_000_000).to_bytes(8, "little"))
        file.truncate(300_000_000)

    with pytest.raises(CheckpointError, match="a head of 200000000 bytes"):
        xdl.load(path)


@fault(85, "\ud800", "a\udfff/b", "µ", "a\0b", "\u202e", "__class__", "x" * 5000)
def test_any_name_comes_back(case, path):
    things = {f"{case}": np.arange(3), "inner": {case: np.ones(2), "": case}}
    xdl.save(path, things=things)

    found = xdl.load(path)["things"]

    assert [0, 1, 2] == found[case].tolist()
    assert [1.0, 1.0] == found["inner"][case].tolist()
    assert case == found["inner"][""]


@pytest.mark.parametrize("value", [np.ma.array([1, 2], mask=[0, 1]), [np.ma.masked]])
def test_a_masked_array_is_refused(value, path):
    with pytest.raises(ArgumentError, match="a masked array came"):
        xdl.save(path, value=value)

    assert [] == list(path.parent.iterdir())


class Nested(xdl.Module):
    """A module with a weight and, below it, others."""

    def __init__(self, depth):
        super().__init__()
        module = self
        for i in range(depth):
            module.parameter.get_variable("w", [1], lambda shape, i=i: np.full(1, i))
            module.inner = xdl.Module()
            module = module.inner


def test_1500_modules_in_one_another_are_saved_and_loaded(path):
    first, second = Nested(1500), Nested(1500)
    for variable in second.parameter.values():
        variable.value[...] = -1
    xdl.save(path, model=first)

    xdl.load(path, model=second)

    found = [variable.item() for variable in second.parameter.values()]
    assert list(range(1500)) == found


def test_values_nested_too_deep_are_refused(path):
    nested = []
    for _ in range(5000):
        nested = [nested]

    with pytest.raises(ArgumentError, match="nested too deep"):
        xdl.save(path, nested=nested)

    assert [] == list(path.parent.iterdir())


def test_metadata_that_is_no_dict_is_refused(path):
    for metadata in (b"[]", b"3", b'"x"', b"null"):
        head = b'{"__metadata__":' + metadata + b"}"
        path.write_bytes(len(head).to_bytes(8, "little") + head)
        with pytest.raises(CheckpointError):
            xdl.load(path)
    write(path, "{}", {})
    with pytest.raises(CheckpointError, match="is damaged"):
        xdl.load(path)
