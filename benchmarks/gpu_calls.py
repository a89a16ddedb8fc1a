"""Parts of `benchmarks.gpu`: what a call of CuPy costs, and what the GPU can do."""

import statistics
import time

import numpy as np

from benchmarks.gpu import row

# CUDA sources of the benchmarks, by the name of their kernel.
SOURCES = {
    "add": """
        extern "C" __global__
        void add(const float* x, const float* y, float* z, int n) {
            int i = blockIdx.x * blockDim.x + threadIdx.x;
            if (i < n) z[i] = x[i] + y[i];
        }
    """,
    "count_up": """
        extern "C" __global__ void count_up(int* counter) {
            if (threadIdx.x == 0) counter[0] += 1;
        }
    """,
}


def kernel(name):
    """Return a kernel of SOURCES, compiled at its first launch."""
    import cupy

    return cupy.RawKernel(SOURCES[name], name)


def on_host(function, wait, calls=100, rounds=15):
    """Return the median microseconds that one call takes the CPU, without the GPU's.

    The launch queue holds about 1,000 kernels, so ``calls`` are few and the GPU is
    waited for between rounds, outside the time.
    """
    for _ in range(5):
        function()
    times = []
    for _ in range(rounds):
        wait()
        start = time.perf_counter()
        for _ in range(calls):
            function()
        times.append((time.perf_counter() - start) / calls * 1e6)
    wait()
    return statistics.median(times)


def on_gpu(function, calls=10, rounds=5, warm=3):
    """Return the median milliseconds that one call takes the GPU, by its own events."""
    import cupy

    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    for _ in range(warm):
        function()
    times = []
    for _ in range(rounds):
        start.record()
        for _ in range(calls):
            function()
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end) / calls)
    return statistics.median(times)


def calls():
    """Measure the CPU's microseconds per call: CuPy, xdl's namespace, PyTorch."""
    import cupy

    wait = cupy.cuda.Device().synchronize
    rows = []
    for name, function in (_cupy_calls() | _namespace_calls()).items():
        rows.append(row(name, on_host(function, wait), "us on the CPU"))
    x = cupy.ones((64, 64), "float32")
    rows.append(
        row("x.sum().item(): a wait", on_host(lambda: x.sum().item(), wait), "us")
    )
    return rows + _torch_calls()


def _cupy_calls():
    import cupy

    x, y, z = (cupy.ones((64, 64), "float32") for _ in range(3))
    row_of_64 = np.ones((1, 64), np.float32)
    add, n = kernel("add"), np.int32(x.size)
    return {
        "cupy x + y": lambda: x + y,
        "cupy.add(x, y, out=z)": lambda: cupy.add(x, y, out=z),
        "cupy.exp(x)": lambda: cupy.exp(x),
        "cupy x.sum()": lambda: x.sum(),
        "cupy x.sum(axis=1)": lambda: x.sum(axis=1),
        "cupy x.max(axis=1, keepdims=True)": lambda: x.max(axis=1, keepdims=True),
        "cupy RawKernel, 4 arguments": lambda: add((16,), (256,), (x, y, z, n)),
        "cupy.matmul 64x64": lambda: cupy.matmul(x, y),
        "cupy.matmul 1x64 @ 64x64": lambda: cupy.matmul(x[:1], y),
        "cupy.zeros (64, 64)": lambda: cupy.zeros((64, 64), "float32"),
        "cupy.empty (64, 64)": lambda: cupy.empty((64, 64), "float32"),
        "cupy.asarray of 64 host floats": lambda: cupy.asarray(row_of_64),
    }


def _namespace_calls():
    import cupy

    from xdl.backend import cupy as xp

    x, values = cupy.ones((64, 10), "float32"), cupy.ones(64, "float32")
    index = (cupy.arange(64), cupy.zeros(64, "int64"))
    labels = index[1]
    return {
        "xdl getitem, 2 index arrays, checked": lambda: xp.getitem(x, index),
        "cupy x[index], unchecked": lambda: x[index],
        "xdl scatter_add, checked": lambda: xp.scatter_add(x, index, values),
        "xdl check_indices": lambda: xp.check_indices(labels, 10, "", IndexError),
    }


def _torch_calls():
    try:
        import torch
    except ImportError:
        return [row("torch", "not installed")]
    x, y = (torch.ones((64, 64), device="cuda") for _ in range(2))
    functions = {
        "torch x + y": lambda: x + y,
        "torch x.sum()": lambda: x.sum(),
        "torch x @ y": lambda: x @ y,
    }
    wait = torch.cuda.synchronize
    return [
        row(name, on_host(f, wait), "us on the CPU") for name, f in functions.items()
    ]


def ceilings(size=8192, gigabytes=1):
    """Measure the copy and matmul ceilings of the GPU."""
    import cupy

    rows = [row("copy, bytes read and written", _copy_rate(gigabytes), "TB/s")]
    host = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    x = cupy.asarray(host)
    attempts = {
        "matmul float32": lambda: _matmul_rate(x),
        "matmul TF32": lambda: _tf32_rate(x),
        "matmul bfloat16": lambda: _matmul_rate(_bfloat16(x)),
        "matmul float16": lambda: _matmul_rate(x.astype("float16")),
    }
    for name, attempt in attempts.items():
        try:
            rows.append(row(f"{name} {size}^3", attempt(), "TFLOP/s"))
        except Exception as error:
            rows.append(row(f"{name} {size}^3", f"{type(error).__name__}: {error}"))
    return rows


def _copy_rate(gigabytes):
    import cupy

    source = cupy.ones(gigabytes * 2**28, "float32")
    target = cupy.empty_like(source)
    milliseconds = on_gpu(lambda: cupy.copyto(target, source))
    return 2 * source.nbytes / milliseconds / 1e9


def _matmul_rate(x):
    import cupy

    milliseconds = on_gpu(lambda: cupy.matmul(x, x))
    return 2 * x.shape[0] ** 3 / milliseconds / 1e9


def _tf32_rate(x):
    import cupy

    as_set, tf32 = 0, 7  # CuPy's COMPUTE_TYPE_TBD and COMPUTE_TYPE_TF32
    cupy._core.set_compute_type(np.float32, tf32)
    try:
        return _matmul_rate(x)
    finally:
        cupy._core.set_compute_type(np.float32, as_set)


def _bfloat16(x):
    import ml_dtypes

    return x.astype(ml_dtypes.bfloat16)
