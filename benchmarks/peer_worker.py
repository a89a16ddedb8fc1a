"""One side of `benchmarks.peers`: a process that steps when it is told to.

It is started with the name of a peer (xdl-numba: xdl compiled by that executor;
torch-graph: a step of PyTorch's as a CUDA graph) and of a workload, answers every line
on its standard input with the microseconds per step of one round, and ends with the
input.
"""

import importlib
import importlib.util
import json
import pathlib
import re
import resource
import sys
import time

ROUND_SECONDS = 0.3


def peak_megabytes():
    """Return the peak memory since the start, or since ``forget_peak`` (Linux)."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak():
    """Let the peak memory count from now on, where the system can."""
    peak = pathlib.Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")


def _workloads(peer):
    """Return the workloads of a peer by name; not every peer has the larger ones."""
    found = dict(importlib.import_module(f"benchmarks.peer_{peer}").WORKLOADS)
    if importlib.util.find_spec(f"benchmarks.peer_{peer}_larger"):
        larger = importlib.import_module(f"benchmarks.peer_{peer}_larger")
        found |= larger.WORKLOADS
    return found


def main(peer, workload, threads):
    peer, _, form = peer.partition("-")
    module = importlib.import_module(f"benchmarks.peer_{peer}")
    if form == "numba":
        importlib.import_module("numba")
    before = peak_megabytes()
    made = _workloads(peer)[workload](int(threads))
    step = made.stepping(form) if peer == "xdl" else made
    step = module.graphed(step) if form == "graph" else step
    start = time.perf_counter()
    step().item()
    first = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(5):
        loss = step()
    loss.item()  # a GPU is waited for
    steps = max(5, int(ROUND_SECONDS / ((time.perf_counter() - start) / 5)))
    ready = {
        "version": module.VERSION,
        "first_step_ms": first * 1e3,
        "loss": loss.item(),
        "steps": steps,
    }
    ready["first_megabytes"] = peak_megabytes() - before
    forget_peak()
    print(json.dumps(ready), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(steps):
            loss = step()
        loss.item()
        took = (time.perf_counter() - start) / steps * 1e6
        megabytes = peak_megabytes() - before
        print(json.dumps({"us": took, "megabytes": megabytes}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
