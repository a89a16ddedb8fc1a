"""Generated modules: compiled, kept on disk, read by other processes."""

import os
import pickle
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from xdl.native import (
    cache,
    entries,
)

SOURCE = """
from numba.core import types
from xdl.native.pointers import first
from xdl.native.gemm import multiplying
from xdl.native.mathematics import FUNCTIONS

exp, multiply = FUNCTIONS["float64"]["exp"], multiplying("float64")

@callback(types.float64(types.float64))
def twice(x):
    return 2 * x

@native(inner=True)
def group(c):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] = exp(c[i, j])

@native
def step(a, b, c):
    (m, n), k = c.shape, a.shape[1]
    multiply(m, n, k, first(a), k, 1, first(b), n, 1, first(c), n, False)
    group(c)
"""
ANOTHER_PROCESS = """
import sys
import numpy as np
from xdl.native import cache

step = cache.load(sys.argv[1]).step
c = np.empty((2, 3))
step(np.zeros((2, 4)), np.zeros((4, 3)), c)
print(int(c.sum()), sum(step.stats.cache_hits.values()))
"""


def _forget():
    for name in [name for name in sys.modules if re.fullmatch(r"xdl_[0-9a-f]+", name)]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Give every test a cache of its own, and no module loaded from another."""
    monkeypatch.setenv("XDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(entries, "_warned_of", set())
    yield tmp_path / "cache"
    _forget()


def _start():
    command = [sys.executable, "-c", ANOTHER_PROCESS, SOURCE]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _run():
    process = _start()
    return process.communicate()[0].split()


def test_a_loaded_module_computes(rng):
    a, b, c = rng.random((2, 4)), rng.random((4, 3)), np.empty((2, 3))

    cache.load(SOURCE).step(a, b, c)

    np.testing.assert_allclose(c, np.exp(a @ b), rtol=1e-14)


def test_a_module_is_loaded_once():
    assert cache.load(SOURCE) is cache.load(SOURCE)


def test_threads_that_load_one_text_find_it_complete():
    start, found = threading.Barrier(4), []

    def work():
        start.wait()
        c = np.empty((2, 3))
        cache.load(SOURCE).step(np.zeros((2, 4)), np.zeros((4, 3)), c)
        found.append(c.sum())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [6.0] * 4 == found


def test_the_next_process_reads_what_the_first_compiled():
    first, second = _run(), _run()

    assert ["6", "0"] == first
    assert ["6", "1"] == second


def test_processes_may_race(place):
    processes = [_start() for _ in range(3)]

    totals = [process.communicate()[0].split()[0] for process in processes]

    assert ["6"] * 3 == totals
    assert [] == list(place.glob("*.tmp"))


def test_it_works_where_nothing_can_be_written(place, rng):
    place.write_text("a file, where the folder would be")
    c = np.empty((2, 3))

    module = cache.load(SOURCE)
    module.step(np.zeros((2, 4)), np.zeros((4, 3)), c)

    assert 6 == c.sum()
    assert module.__file__.startswith("<")


def test_a_text_that_fails_leaves_nothing_behind():
    before = set(sys.modules)

    with pytest.raises(ZeroDivisionError):
        cache.load("1 / 0")

    assert before == set(sys.modules)


def test_a_loop_over_many_arrays_is_vectorised():
    names = [f"a{i}" for i in range(24)]
    lines = [
        f"        {y}[i] = {x}[i] * 2" for x, y in zip(names, names[12:], strict=False)
    ]
    header = f"@native\ndef loop({', '.join(names)}):\n    for i in range(a0.size):\n"
    loop = cache.load(header + "\n".join(lines)).loop

    loop(*(np.ones(64, np.float32) for _ in names))
    (code,) = loop.inspect_asm().values()

    assert re.search(r"\bv?(mul|add)ps\b|\bfmul\tv", code)


SMALL = """
@native
def twice(x):
    return 2.0 * x
"""


class Payload:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def _kept(place):
    """Compile a small module; return its one entry, and forget the module."""
    assert 3.0 == cache.load(SMALL).twice(1.5)
    _forget()
    (entry,) = place.iterdir()
    return entry


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: bytes(len(whole)),
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
        lambda whole: b"",
    ],
)
def test_a_damaged_entry_is_compiled_anew(change, place):
    entry = _kept(place)
    whole = entry.read_bytes()
    entry.write_bytes(change(whole))

    function = cache.load(SMALL).twice

    assert (3.0, 0) == (function(1.5), sum(function.stats.cache_hits.values()))
    _forget()
    function = cache.load(SMALL).twice
    assert (3.0, 1) == (function(1.5), sum(function.stats.cache_hits.values()))


@pytest.mark.parametrize("content", [b"", pickle.dumps(3), pickle.dumps((1, 2))])
def test_a_whole_entry_that_numba_cannot_read_is_compiled_anew(content, place):
    entry = _kept(place)
    entries.write(entry.name, content)

    assert 3.0 == cache.load(SMALL).twice(1.5)


@pytest.mark.parametrize("shared", ["the folder", "one above it"])
def test_an_entry_that_another_could_have_planted_is_not_run(shared, place, tmp_path):
    entry, canary = _kept(place), tmp_path / "canary"
    entries.write(entry.name, pickle.dumps(Payload(canary)))
    folder = place if shared == "the folder" else tmp_path
    folder.chmod(0o777)

    with pytest.warns(RuntimeWarning, match="other users may write to"):
        result = cache.load(SMALL).twice(1.5)

    assert 3.0 == result
    assert not canary.exists()


def test_the_payload_of_these_tests_would_make_its_folder(place, tmp_path):
    entry, canary = _kept(place), tmp_path / "canary"
    entries.write(entry.name, pickle.dumps(Payload(canary)))

    cache.load(SMALL).twice(1.5)

    assert canary.exists()


def test_a_cache_that_numba_is_told_of_is_not_used(place, tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "other"))

    _kept(place)

    assert not (tmp_path / "other").exists()
