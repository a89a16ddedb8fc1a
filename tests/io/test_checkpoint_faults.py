"""Checkpoints that are damaged, foreign or do not fit: refused, and nothing changes."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

import xdl
from tests.io.trained import Training
from tests.support.faults import fault
from xdl import ArgumentError, CheckpointError, LinearModel, Variable


@pytest.fixture
def path(tmp_path):
    """Return where a checkpoint may be, alone in its folder."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "last.safetensors"


@pytest.fixture
def small(path):
    """Return the path of a small checkpoint."""
    xdl.save(path, w=Variable([1.0, 2.0]), epoch=3)
    return path


def _refusal(path):
    """Return what loading a file says; None if nothing is wrong."""
    try:
        xdl.load(path)
    except CheckpointError as error:
        return str(error)
    return None


@fault(46, "head", "data")
def test_every_flipped_bit_is_found(case, small):
    whole = small.read_bytes()
    start = 8 + struct.unpack("<Q", whole[:8])[0]
    places = range(start) if case == "head" else range(start, len(whole))
    unnoticed = []

    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        small.write_bytes(damaged)
        if _refusal(small) is None:
            unnoticed.append(place)

    assert [] == unnoticed


@fault(
    46, (b'"F32"', b'"I32"'), (b"[1,2]", b"[2,1]"), (b'"w"', b'"v"'), names=("a", "b")
)
def test_array_under_another_description_is_refused(a, b, path):
    xdl.save(path, w=np.ones((1, 2), np.float32))
    whole = path.read_bytes()
    assert 1 == whole.count(a)
    path.write_bytes(whole.replace(a, b))

    assert "damaged: '" in _refusal(path)


@fault(46, *range(50))
def test_truncated_file_is_refused_and_nothing_changes(case, small):
    whole = small.read_bytes()
    small.write_bytes(whole[: len(whole) * case // 50])
    w = Variable([5.0, 6.0])

    with pytest.raises(CheckpointError, match="truncated, damaged|is empty"):
        xdl.load(small, w=w)

    assert [5.0, 6.0] == w.numpy().tolist()


@fault(46, b"\0", b"x" * 1000)
def test_appended_bytes_are_refused(case, small):
    small.write_bytes(small.read_bytes() + case)

    assert "truncated, damaged" in _refusal(small)


class Payload:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def _npz(canary):
    file = io.BytesIO()
    np.savez(file, np.array([Payload(canary)], object))
    return file.getvalue()


def _npy(canary):
    file = io.BytesIO()
    np.save(file, np.array([Payload(canary)], object))
    return file.getvalue()


def _zipped(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


@fault(
    48,
    (lambda canary: pickle.dumps(Payload(canary)), "a pickle"),
    (lambda canary: pickle.dumps(Payload(canary), 0), "no safetensors file"),
    (lambda canary: _zipped("data.pkl", pickle.dumps(Payload(canary))), "PyTorch"),
    (_npz, ".npz"),
    (_npy, ".npy"),
    (lambda canary: _zipped("bomb", bytes(10_000_000)), "a zip archive"),
    (lambda canary: b"\x1f\x8b" + bytes(50), "gzip"),
    (lambda canary: b'{"weight": [1, 2]}', "no safetensors file"),
    (lambda canary: b"", "it is empty"),
    names=("make", "said"),
)
def test_file_of_another_format_is_refused_by_its_name_and_not_run(
    make, said, path, tmp_path
):
    canary = tmp_path / "canary"
    path.write_bytes(make(canary))

    assert said in _refusal(path)
    assert not canary.exists()


def test_payload_of_these_tests_would_make_its_file(tmp_path):
    canary = tmp_path / "canary"

    pickle.loads(pickle.dumps(Payload(canary)))

    assert canary.exists()


def test_safetensors_file_of_others_is_refused_with_how_to_read_it(path):
    save_file({"weight": np.ones(2)}, path)

    assert "safetensors.numpy.load_file" in _refusal(path)


@fault(
    48,
    {"xdl": "2"},
    {"xdl": "1"},
    {"xdl": "1", "content": "{}", "sha256": ""},
    {"xdl": "1", "content": "[]"},
    {"xdl": "1", "content": '{"tensors": {}, "state": []}'},
    {"xdl": "1", "content": '{"tensors": [], "state": {}}'},
    {"xdl": "1", "content": '{"tensors": {"w": {}}, "state": {}}'},
    {"xdl": "1", "content": "[" * 100_000},
    {"xdl": "1", "content": "{"},
)
def test_forged_metadata_is_refused(case, path):
    from xdl.io.container import _digest

    if "content" in case:
        case = {"sha256": _digest(case["content"]), **case}
    save_file({"w": np.ones(2)}, path, case)

    assert str(path) in _refusal(path)


def _changed(**changes):
    """Return the state of a Linear(2, 3), with changes; None takes a name away."""
    state = {"weight": np.ones((2, 3), np.float32), "bias": np.ones(3, np.float32)}
    state.update(changes)
    return {name: array for name, array in state.items() if array is not None}


@fault(
    50,
    (_changed(bias=None), ["missing 'bias'"]),
    (_changed(extra=np.ones(1)), ["unknown 'extra'"]),
    (_changed(bias=np.ones(2, np.float32)), ["(2,), needed (3,)"]),
    (_changed(bias=np.ones(3)), ["float64, needed float32"]),
    (_changed(bias=np.full(3, np.nan, np.float32)), ["NaN"]),
    (_changed(bias=None, b=1, weight=np.ones(3)), ["missing 'bias'", "'b'", "(3,)"]),
    ({}, ["missing 'bias'; missing 'weight'"]),
    (3, ["int came, needed a mapping"]),
    (_changed(bias={"a": np.ones(3)}), ["'bias': dict came"]),
    names=("state", "said"),
)
def test_one_error_lists_all_that_does_not_fit_and_nothing_changes(state, said, path):
    xdl.save(path, model=state, optimizer={"hyperparameters": {"lr": -1}, "state": {}})
    model = xdl.nn.Linear(2, 3)
    optimizer = xdl.SGD(model, lr=0.5, momentum=0.5)
    before = [v.numpy().tolist() for v in model.parameter.values()]

    with pytest.raises(CheckpointError) as caught:
        xdl.load(path, model=model, optimizer=optimizer, ema=xdl.optim.EMA(model))

    said = [*said, str(path), "lr: -1.0 came", "missing 'velocity/bias'", "'ema'"]
    assert [] == [text for text in said if text not in str(caught.value)]
    assert before == [v.numpy().tolist() for v in model.parameter.values()]
    assert 0.5 == optimizer.lr


@fault(50, "model", "optimizer", "schedule", "ema", "rng")
def test_part_that_does_not_fit_is_refused_before_the_others_change(case, path):
    first, second = Training(0), Training(1)
    first.run(3)
    states = {**first.things(), case: 3}
    xdl.save(path, **states)
    bits, rng, lr = second.bits(), second.rng.bit_generator.state, second.optimizer.lr

    with pytest.raises(CheckpointError, match=f": {case}: "):
        xdl.load(path, **second.things())

    assert bits == second.bits()
    assert (rng, lr) == (second.rng.bit_generator.state, second.optimizer.lr)


@fault(50, None, {}, {"stream": [0, -1]}, {"stream": [0, 0], "generator": {}}, 3)
def test_random_state_that_is_none_is_refused(case, path, monkeypatch):
    monkeypatch.setattr("xdl.io.checkpoint._random_state", lambda: case)
    xdl.save(path, w=Variable([1.0]))
    w = Variable([2.0])

    with pytest.raises(CheckpointError, match="random: "):
        xdl.load(path, w=w, random=True)

    assert 2.0 == w.item()


@fault(50, 3, "text", None, np.ones(2), {}, LinearModel)
def test_value_cannot_be_loaded_into(case, small):
    with pytest.raises(ArgumentError, match="load: epoch: .* came"):
        xdl.load(small, epoch=case)
