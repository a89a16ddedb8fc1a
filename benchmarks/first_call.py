"""What the first calls of a compiled step take: `python -m benchmarks.first_call`.

The first call records, plans and compiles, the second compares. Each workload runs in
a process of its own, eager and by each executor: the seconds of four calls, of a clock
and of a processor, and the peak memory of each above that of the imports. The ratio of
memory to eager is printed; `--save` writes all under benchmarks/results/. Numba
compiles anew each time: its cache is not used.
"""

import argparse
import datetime
import gc
import importlib
import importlib.util
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.peer_worker import forget_peak, peak_megabytes
from benchmarks.peer_xdl import WORKLOADS as OF_PEERS
from benchmarks.peer_xdl_larger import WORKLOADS as LARGER

CALLS = 4
FORMS = ("numpy", "numba")
RESULTS = pathlib.Path(__file__).parent / "results"


WORKLOADS = {
    **OF_PEERS,
    "ResNet-20, 32 images of 32x32": LARGER[
        "ResNet-20 of width 16, 32 images of 32x32"
    ],
    "GPT 6 layers of 384, 128 tokens, batch 8": LARGER[
        "GPT 6 layers of 384, 128 tokens, batch 8"
    ],
}


def measured(workload, form):
    """Return the seconds of a few calls, and the peak of their memory in megabytes."""
    if form == "numba":
        importlib.import_module("numba")
    np.ones((64, 64)) @ np.ones((64, 64))  # BLAS takes memory of its own
    gc.collect()
    forget_peak()
    before = peak_megabytes()
    step = WORKLOADS[workload](1).stepping("" if form == "eager" else form)
    seconds, peaks = [], []
    for _ in range(CALLS):
        forget_peak()
        start, spent = time.perf_counter(), time.process_time()
        step()
        seconds.append((time.perf_counter() - start, time.process_time() - spent))
        peaks.append(peak_megabytes() - before)
    return {"seconds": seconds, "megabytes": peaks}


def _in_a_process(workload, form):
    names = ("OMP", "OPENBLAS", "MKL")
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in names}
    command = [sys.executable, "-m", "benchmarks.first_call", "--one", workload, form]
    with tempfile.TemporaryDirectory() as folder:
        environment["XDL_CACHE"] = str(pathlib.Path(folder) / "xdl")
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    return json.loads(done.stdout)


def compare(workload, forms):
    """Measure a workload eager and in other forms; return figures of each."""
    found = {form: _in_a_process(workload, form) for form in ("eager", *forms)}
    usual = max(found["eager"]["megabytes"])
    return [
        {
            "workload": workload,
            "form": form,
            **figures,
            "memory_ratio": max(figures["megabytes"]) / usual,
        }
        for form, figures in found.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS))
    parser.add_argument("--forms", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(*options.one)))
        return
    results = []
    for workload in options.workloads:
        for found in compare(workload, options.forms):
            results.append(found)
            calls = [f"{seconds:6.2f} s" for _, seconds in found["seconds"]]
            print(
                f"{workload:42}{found['form']:6}",
                *calls,
                f"  MB {max(found['megabytes']):6.0f}, {found['memory_ratio']:.2f} "
                "of eager",
                flush=True,
            )
    if options.save:
        record = {
            "command": f"python -m benchmarks.first_call {' '.join(sys.argv[1:])}",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "results": results,
        }
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(record, indent=2) + "\n"
        (RESULTS / "first_call.json").write_text(text)


if __name__ == "__main__":
    main()
