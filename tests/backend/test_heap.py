"""How much freed memory the process keeps: XDL_HEAP_MB."""

import os
import platform
import subprocess
import sys

import pytest

import xdl
from xdl.backend import heap

FAULTS = """
import resource
import numpy as np
import xdl.backend

def step():
    arrays = [np.ones(10 << 20, np.uint8) for _ in range(5)]

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
glibc_only = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library"
)


def _page_faults(megabytes):
    environment = os.environ | {"XDL_HEAP_MB": megabytes}
    command = [sys.executable, "-c", FAULTS]
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


def test_the_default_is_64_mebibytes(monkeypatch):
    monkeypatch.delenv("XDL_HEAP_MB", raising=False)

    assert 64 == heap.megabytes()


@pytest.mark.parametrize("came", ["", "-1", "64MB", "1.5", "2048", "on"])
def test_what_is_no_size_is_refused_by_name(monkeypatch, came):
    monkeypatch.setenv("XDL_HEAP_MB", came)

    with pytest.raises(xdl.ArgumentError, match=f"XDL_HEAP_MB: '{came}' came"):
        heap.megabytes()


@glibc_only
def test_a_step_finds_the_memory_of_the_step_before():
    assert _page_faults("64") < 100


@glibc_only
def test_0_leaves_the_memory_to_the_c_library():
    assert _page_faults("0") > 10 * 100


def test_the_configuration_says_what_is_kept(monkeypatch, capsys):
    monkeypatch.setenv("XDL_HEAP_MB", "7")

    xdl.show_config()

    assert "7 MiB of freed memory are kept (XDL_HEAP_MB)" in capsys.readouterr().out
