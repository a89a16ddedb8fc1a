"""Checkpoints that are large, odd or cut short: read, or refused in little time."""

import os
import resource
import threading
import time

import numpy as np
import pytest

import xdl
from tests.io.forged import write, write_empty
from tests.support.faults import fault
from xdl import ArgumentError, CheckpointError, Variable


@pytest.fixture
def path(tmp_path):
    """Return where a checkpoint may be, alone in its folder."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "last.safetensors"


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
