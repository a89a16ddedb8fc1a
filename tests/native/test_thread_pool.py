"""Threads that take over parts of matrix products."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from xdl.native import blas_library as blas
from xdl.native.gemm import is_known, product

pytestmark = [
    pytest.mark.skipif(not is_known("float32"), reason="it needs AVX-512"),
    pytest.mark.skipif(sys.platform != "linux", reason="it needs semaphores"),
]
# OpenBLAS runs on as many threads as it is told to, if there are so many processors.
on_two = pytest.mark.skipif(
    blas.threads() < 2, reason="it needs OpenBLAS on two processors"
)
HEADER = """
import hashlib, os, sys, threading, time
import numpy as np
from xdl.native import thread_pool
from xdl.native.gemm import product

rng = np.random.default_rng(0)
def made(*shape):
    return rng.standard_normal(shape).astype("f4")
def multiplied(a, b):
    c = np.full((*a.shape[:-1], b.shape[-1]), np.nan, "f4")
    assert product(a, b, c)(a, b, c)
    return c
a, b = made(300, 400), made(400, 500)
"""
DIGEST = """
results = [multiplied(a, b), multiplied(b.T, a.T), multiplied(made(64, 400), b)]
results += [multiplied(made(5, 3, 90, 100), made(3, 100, 70))]
digests = [hashlib.sha256(c).hexdigest() for c in results]
print(thread_pool._BOARD[thread_pool.WORKERS], digests)
"""
AFTER_A_FORK = """
before = multiplied(a, b)
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, multiplied(a, b).tobytes())
    os._exit(0)
os.close(writer)
with os.fdopen(reader, "rb") as file:
    print(file.read() == before.tobytes(), thread_pool._BOARD[thread_pool.WORKERS])
"""
SLEEPING = """
multiplied(a, b)
for _ in range(2000):
    if thread_pool._BOARD[thread_pool.ASLEEP] == 1:
        break
    time.sleep(0.005)
before = time.process_time()
time.sleep(0.2)
spent, asleep = time.process_time() - before, thread_pool._BOARD[thread_pool.ASLEEP]
is_right = np.allclose(multiplied(a, b), a @ b, 0, 1e-3)
print(asleep, spent < 0.1, is_right)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return str(tmp_path_factory.getbasetemp().parent / "xdl-numba")


def _run(text, count, place):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(count), "XDL_CACHE": place}
    command = [sys.executable, "-c", HEADER + text]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.split(maxsplit=1)


@on_two
def test_the_number_of_threads_does_not_change_a_product(place):
    alone, both = _run(DIGEST, 1, place), _run(DIGEST, 2, place)

    assert "0" == alone[0]
    assert "2" == both[0]
    assert alone[1] == both[1]


@on_two
def test_a_fork_goes_on_without_its_threads(place):
    assert ["True", "2\n"] == _run(AFTER_A_FORK, 2, place)


@on_two
def test_threads_without_work_sleep_until_they_are_woken(place):
    assert ["1", "True True\n"] == _run(SLEEPING, 2, place)


def test_threads_of_python_may_multiply_at_once(rng):
    pairs = [
        (rng.standard_normal((200, 300)), rng.standard_normal((300, 400)))
        for _ in range(4)
    ]
    multiply = product(*pairs[0], np.empty((200, 400)))
    results = [[] for _ in pairs]

    def work(i):
        for _ in range(50):
            c = np.full((200, 400), np.nan)
            multiply(*pairs[i], c)
            results[i].append(c)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pairs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for (a, b), found in zip(pairs, results, strict=True):
        expected = found[0]
        np.testing.assert_allclose(expected, a @ b, rtol=1e-10, atol=1e-10)
        assert all((c == expected).all() for c in found)


def test_the_number_of_threads_is_that_of_the_variable_without_openblas(monkeypatch):
    monkeypatch.setattr(blas, "_libraries", list)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    found = blas.threads.__wrapped__()

    assert 3 == found
