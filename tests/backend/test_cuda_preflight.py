"""What a user reads who asks for CUDA and does not have all of it."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys

import pytest

import xdl
from benchmarks import gpu as benchmark
from benchmarks.gpu_cublaslt import layouts
from tests.backend import fake_cupy
from tests.gpu.test_on_gpu import ROOT
from xdl import backend

HAS_CUPY = importlib.util.find_spec("cupy") is not None
WITHOUT_CUPY = "import sys; sys.modules['cupy'] = None; "
MAKE_ONE = "import xdl; print(xdl.Variable([1.0]).device)"


def _has_gpu():
    try:
        backend.usable("cuda")
    except xdl.DeviceError:
        return False
    return True


def _python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def cupy():
    with fake_cupy.installed() as module:
        yield module


@pytest.fixture
def cuda(cupy):
    """The module under test, upon the stand-in."""
    return importlib.import_module("xdl.backend.cupy")


def _refusal(name="cuda"):
    with pytest.raises(xdl.DeviceError) as caught:
        xdl.use_device(name)
    return str(caught.value)


# Without CuPy, for real.


def test_import_works_without_cupy_and_imports_nothing_heavy():
    heavy = "{'cupy', 'sklearn', 'matplotlib', 'scipy', 'torch'}"

    done = _python(
        f"import sys, xdl; print({heavy} & set(sys.modules))", XDL_DEVICE="cuda"
    )

    assert ("set()\n", "") == (done.stdout, done.stderr)


def test_cuda_without_cupy_says_how_to_install_it():
    done = _python(WITHOUT_CUPY * HAS_CUPY + MAKE_ONE, XDL_DEVICE="cuda")

    assert done.stderr.splitlines()[-1] == (
        "xdl.errors.DeviceError: XDL_DEVICE: cuda:0 came, but cupy is not installed; "
        'needed CuPy: pip install "xdl[cuda]"'
    )


def test_auto_without_cupy_takes_the_cpu_and_says_why():
    done = _python(WITHOUT_CUPY * HAS_CUPY + MAKE_ONE, XDL_DEVICE="auto")

    assert done.stdout == "cpu\n"
    assert done.stderr.startswith(
        "xdl: XDL_DEVICE 'auto' chose cpu: XDL_DEVICE: cuda:0"
    )
    assert "cupy is not installed" in done.stderr


# With CuPy and without a driver, for real.


@pytest.mark.skipif(not HAS_CUPY, reason="CuPy is not installed")
@pytest.mark.skipif(HAS_CUPY and _has_gpu(), reason="there is a GPU")
def test_cuda_without_a_driver_says_so():
    done = _python(MAKE_ONE, XDL_DEVICE="cuda")

    assert done.stderr.splitlines()[-1] == (
        "xdl.errors.DeviceError: XDL_DEVICE: cuda:0 came, but there is no NVIDIA "
        "driver on this computer; install one"
    )


# Every other branch, on the stand-in.


@pytest.mark.parametrize(
    ("status", "driver", "text"),
    [
        (35, 0, "there is no NVIDIA driver on this computer; install one"),
        (
            35,
            12040,
            "the NVIDIA driver is too old: it runs CUDA 12.4, CuPy needs 13.2; update "
            "the driver",
        ),
        (
            100,
            13000,
            "the NVIDIA driver shows no GPU; look at nvidia-smi and at "
            "CUDA_VISIBLE_DEVICES",
        ),
        (999, 13000, "CUDA does not start (what CUDA said)"),
    ],
)
def test_cuda_that_counts_no_gpus_says_why(cupy, status, driver, text):
    def fail():
        raise fake_cupy.CUDARuntimeError(status, "what CUDA said\nand more")

    cupy.cuda.runtime.getDeviceCount = fail
    cupy.cuda.runtime.driverGetVersion = lambda: driver

    assert f"use_device: cuda:0 came, but {text}" == _refusal()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "the NVIDIA driver shows no GPU"),
        (1, "the only GPU is cuda:0"),
        (4, "there are cuda:0 to 3"),
    ],
)
def test_gpu_that_is_not_there_is_refused(cupy, count, text):
    cupy.cuda.runtime.getDeviceCount = lambda: count

    assert f"use_device: cuda:7 came, but {text}" in _refusal("cuda:7")


@pytest.mark.parametrize(
    ("part", "name", "error", "text"),
    [
        ("nvrtc", "getVersion", RuntimeError, "CUDA's compiler NVRTC is missing; pip"),
        ("device", "get_cublas_handle", ImportError, "cuBLAS is missing; pip install"),
    ],
)
def test_missing_library_is_named_with_its_remedy(cupy, part, name, error, text):
    def fail():
        raise error("no such file\nand more")

    setattr(getattr(cupy.cuda, part), name, fail)

    assert f"cuda:0 came, but {text}" in _refusal()
    assert "(no such file)" in _refusal()


def test_missing_headers_are_named_with_their_remedy(cupy):
    def fail(shape, dtype):
        raise RuntimeError("Failed to find CUDA headers")

    cupy.zeros = fail

    assert "a kernel does not compile; CUDA's headers come with pip" in _refusal()


def test_gpu_that_does_not_answer_is_named(cupy, monkeypatch):
    def fail(device):
        raise fake_cupy.CUDARuntimeError(2, "cudaErrorMemoryAllocation: out of memory")

    monkeypatch.setattr(fake_cupy.Device, "mem_info", property(fail))

    assert "the GPU does not answer (cudaErrorMemoryAllocation" in _refusal()


def test_refused_device_changes_nothing(cupy):
    cupy.cuda.runtime.getDeviceCount = lambda: 0

    _refusal()

    assert xdl.device() == "cpu"


def test_preflight_runs_once(cupy):
    looks = []
    cupy.cuda.nvrtc.getVersion = lambda: looks.append(1)

    for _ in range(3):
        backend.usable("cuda")

    assert [1] == looks


def test_auto_takes_a_gpu_that_works(cupy, capsys):
    with xdl.use_device("auto") as device:
        assert device == "cuda:0"

    assert "chose cuda:0: a usable GPU was found" in capsys.readouterr().err


def test_second_gpu_of_a_process_is_refused(cupy):
    backend.usable("cuda:1")

    with pytest.raises(xdl.DeviceError, match="this process computes on cuda:1"):
        xdl.Variable([1.0]).to("cuda:0")


def test_arrays_are_made_on_the_gpu_that_was_chosen(cupy):
    with xdl.use_device("cuda:1"):
        x = xdl.Variable([1.0])

    assert x.device == "cuda:1"
    assert (x * 2).device == "cuda:1"


def test_forked_process_is_refused_with_the_remedy(cuda):
    backend.usable("cuda")

    cuda._gpu.note_fork()

    assert "start it with multiprocessing's spawn method" in _refusal()


def test_fork_before_the_first_use_is_fine(cuda):
    cuda._gpu.note_fork()

    assert backend.usable("cuda") == "cuda:0"


# The benchmark, as far as it goes without a GPU.


@pytest.mark.skipif(HAS_CUPY and _has_gpu(), reason="there is a GPU")
def test_benchmark_without_a_gpu_says_so_in_one_line():
    command = [sys.executable, "-m", "benchmarks.gpu"]

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (2, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("benchmarks.gpu: no usable GPU: use_device: cuda:0")
    assert done.stdout.count("\n") == 1


def _report():
    versions = {"xdl": "0.1.0", "cupy": "14.2.0"}
    described = {"device": "NVIDIA Test (1)", "date": "2000-01-02", "parts": {}}
    return {**described, "command": "python -m benchmarks.gpu", "versions": versions}


def test_benchmark_survives_parts_that_fail(tmp_path):
    def run(name, seconds):
        if name == "graphs":
            raise OSError("no process")
        return {"rows": [benchmark.row("a | b", 1.23456789, "us")]}

    report = _report()
    benchmark.run_parts(
        ["calls", "graphs", "digits"],
        report,
        lambda r: benchmark.write(r, tmp_path),
        run,
    )

    written = json.loads((tmp_path / "nvidia-test-1-2000-01-02.json").read_text())
    assert written["parts"]["graphs"]["error"] == "OSError: no process"
    assert written["parts"]["digits"]["rows"][0]["value"] == 1.23456789
    table = (tmp_path / "nvidia-test-1-2000-01-02.md").read_text()
    assert "| a \\| b | 1.235 | us |" in table
    assert "Failed: OSError: no process" in table


def test_benchmark_skips_what_its_time_does_not_hold():
    ticks = iter([0.0, 0.0, 455.0, 456.0])
    report = _report()

    benchmark.run_parts(
        ["calls", "graphs"],
        report,
        lambda report: None,
        lambda name, seconds: {"rows": []},
        lambda: next(ticks),
    )

    assert "skipped" in report["parts"]["graphs"]["error"]


def test_benchmark_part_reports_its_error_as_data(capsys, monkeypatch):
    monkeypatch.setitem(benchmark.PARTS, "calls", ("benchmarks.gpu:nothing", 1))

    benchmark.run_part("calls")

    result = json.loads(capsys.readouterr().out.removeprefix(benchmark.MARK))
    assert result["error"].startswith("AttributeError")


def test_benchmark_part_that_prints_no_result_is_a_failure(monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")

    assert benchmark.in_process("calls", 5)["error"].startswith("status 1")


def test_benchmark_that_runs_too_long_is_ended_with_all_that_it_started(tmp_path):
    pid = tmp_path / "pid"
    child = f"echo $$ > {pid}; echo so far; exec sleep 600"

    status, printed = benchmark.ended(["sh", "-c", f"sh -c '{child}'; true"], 1)

    assert (None, "so far\n") == (status, printed)
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid.read_text().strip()],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert not state or state.startswith("Z")


def test_benchmark_says_what_a_part_printed_before_it_was_ended(monkeypatch):
    monkeypatch.setattr(benchmark, "ended", lambda command, seconds: (None, "3 passed"))

    assert benchmark.in_process("tests", 5)["error"] == "it ran past 5 s: 3 passed"


def test_benchmark_runs_the_tests_first():
    assert next(iter(benchmark.PARTS)) == "tests"


@pytest.mark.parametrize("name", benchmark.PARTS)
def test_benchmark_parts_exist(name):
    module, _, function = benchmark.PARTS[name][0].partition(":")

    assert callable(getattr(importlib.import_module(module), function))


def test_product_for_cublaslt_is_its_transpose(rng):
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((3, 4))
    views = [
        array.ravel()[: rows * columns].reshape(columns, rows).T
        for array, (rows, columns, _) in zip((b, a), layouts(a, b)[:2], strict=True)
    ]

    product = views[0] @ views[1]

    assert layouts(a, b)[2] == (*product.shape, 4)
    assert abs(product.T - a @ b).max() < 1e-12
