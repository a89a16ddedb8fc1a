"""Parts of `benchmarks.gpu`: CUDA graphs, what may be captured, and their memory."""

import functools
import statistics
import time

import numpy as np

from benchmarks.gpu import row
from benchmarks.gpu_calls import kernel, on_host
from benchmarks.gpu_cublaslt import BINDINGS


def captured(stream, work):
    """Return the CUDA graph of what ``work()`` does on ``stream``.

    An error inside ends the capture before it goes on, so that the stream is usable.
    """
    with stream:
        stream.begin_capture()
        try:
            work()
        except BaseException:
            _abandon(stream)
            raise
        return stream.end_capture()


def _abandon(stream):
    try:
        stream.end_capture()
    except Exception as error:  # the work has invalidated it: its own error is raised
        print(f"end_capture: {error}")


def graphs(lengths=(1, 10, 100, 1000)):
    """Measure a graph's launch and what each of its nodes adds."""
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    counter = cupy.zeros(1, "int32")
    count_up = kernel("count_up")
    with stream:
        count_up((1,), (32,), (counter,))  # compiled and loaded before the capture
    stream.synchronize()
    counter.fill(0)
    cupy.cuda.Device().synchronize()
    rows, whole = [], {}
    for length in lengths:
        graph = captured(stream, lambda n=length: _repeat(count_up, counter, n))
        graph.upload(stream)
        launch = functools.partial(graph.launch, stream)
        enqueue = on_host(launch, stream.synchronize, calls=20)
        whole[length] = _launch_and_wait(graph, stream)
        rows.append(row(f"launch of {length} nodes, CPU", enqueue, "us"))
        rows.append(row(f"launch of {length} nodes until done", whole[length], "us"))
    shortest, longest = min(lengths), max(lengths)
    per_node = (whole[longest] - whole[shortest]) / (longest - shortest)
    rows.append(row("each further node, one after the other", per_node, "us"))
    separate = on_host(
        lambda: count_up((1,), (32,), (counter,)),
        cupy.cuda.Device().synchronize,
    )
    rows.append(row("the same kernel launched by itself, CPU", separate, "us"))
    return rows


def _repeat(function, counter, times):
    for _ in range(times):
        function((1,), (32,), (counter,))


def _launch_and_wait(graph, stream, rounds=30):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        graph.launch(stream)
        stream.synchronize()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def capture():
    """Find out which matrix products may be captured into a graph."""
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    a, b = _operands((64, 128), (128, 32))
    expected = a.get() @ b.get()
    with stream:
        cupy.matmul(a, b)
    stream.synchronize()
    rows = [
        row("cupy.matmul under capture", _outcome(stream, lambda: cupy.matmul(a, b)))
    ]
    for name, make in BINDINGS.items():
        rows += _lt_rows(name, make, stream, (a, b, expected))
    return rows


def _lt_rows(name, make, stream, problem):
    """Capture one cuBLASLt product; replay it on new values; compare."""
    import cupy

    a, b, expected = problem
    a = a.copy()
    c = cupy.zeros(expected.shape, "float32")
    workspace = cupy.empty(32 * 2**20, "uint8")
    cupy.cuda.Device().synchronize()
    try:
        product = make(a, b, c, workspace)
        product(stream.ptr)  # its kernels are loaded before the capture
        stream.synchronize()
        eager = float(np.abs(c.get() - expected).max())
        graph = captured(stream, lambda: product(stream.ptr))
        a *= 2
        cupy.cuda.Device().synchronize()
        graph.launch(stream)
        stream.synchronize()
        replayed = float(np.abs(c.get() - 2 * expected).max())
        launch = on_host(lambda: product(stream.ptr), stream.synchronize)
    except Exception as error:
        return [row(f"cuBLASLt by {name}", f"{type(error).__name__}: {error}")]
    return [
        row(f"cuBLASLt by {name} under capture", "captured and replayed"),
        row(f"cuBLASLt by {name}, largest error eager", eager),
        row(f"cuBLASLt by {name}, largest error replayed", replayed),
        row(f"cuBLASLt by {name}, one call", launch, "us on the CPU"),
    ]


def _outcome(stream, work):
    try:
        captured(stream, work)
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}"
    return "captured"


def _operands(*shapes):
    import cupy

    rng = np.random.default_rng(0)
    return [cupy.asarray(rng.standard_normal(s, dtype=np.float32)) for s in shapes]


def pools():
    """Find out whether eager allocations and a graph's replays disturb each other."""
    import cupy

    shared = cupy.get_default_memory_pool()
    private = cupy.cuda.MemoryPool()
    rows = []
    for name, pool in (("the shared pool", shared), ("a private pool", private)):
        wrong, overwritten, grown = _disturbed(pool)
        rows.append(row(f"{name}: replays with a wrong result", wrong, "of 50"))
        rows.append(row(f"{name}: eager arrays overwritten", overwritten, "of 50"))
        rows.append(row(f"{name}: growth during the capture", grown, "bytes"))
    return rows


def _disturbed(pool, size=1 << 16, replays=50):
    """Replay a graph with a temporary between eager allocations of the same size."""
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    x, out = cupy.ones(size, "float32"), cupy.zeros(size, "float32")
    cupy.cuda.Device().synchronize()

    def work():
        temporary = x * 2  # freed at the end of this, while the graph still writes it
        cupy.add(temporary, 1, out=out)

    with stream, cupy.cuda.using_allocator(pool.malloc):
        work()
        stream.synchronize()
        before = pool.total_bytes()
        graph = captured(stream, work)
        grown = pool.total_bytes() - before
    wrong = overwritten = 0
    with stream:
        for i in range(replays):
            eager = cupy.full(size, 7, "float32")
            x[...] = i
            graph.launch(stream)
            stream.synchronize()
            wrong += bool((out != 2 * i + 1).any())
            overwritten += bool((eager != 7).any())
    return wrong, overwritten, grown
