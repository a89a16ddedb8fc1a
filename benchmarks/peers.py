"""xdl beside PyTorch and JAX, those that are installed: `python -m benchmarks.peers`.

xdl runs in three forms: eager, and compiled by its executors numpy and numba. All run
in processes of their own and step in turn, round by round, on the same data from the
same weights: forward, loss, backward and update in float32. The median of the ratios of
neighbouring rounds is printed, and the peak memory of the rounds above that of the
imports; that of the first steps, which record and compile, is saved beside it, with
`--save` under benchmarks/results/.

With XDL_DEVICE=cuda they step on the GPU, where the batches lie, too: xdl eager and by
its executor cuda, PyTorch eager and its whole step as one CUDA graph. PyTorch's graph
takes three steps more before its loss is shown.
"""

import argparse
import datetime
import importlib.util
import itertools
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

WORKLOADS = (
    "linear 64-10, batch 1",
    "linear 64-10, batch 32",
    "MLP 784-512-512-10, batch 128",
    "CNN 32-64-128, 64 images of 28x28",
    "LSTM 256 wide, 64 steps, batch 32",
    "GPT 4 layers of 128, 64 tokens, batch 8",
)
# What others use it for; `benchmarks.peer_xdl_larger` has them, and PyTorch's side.
LARGER = (
    "ResNet-20 of width 16, 32 images of 32x32",
    "GPT 6 layers of 384, 128 tokens, batch 8",
    "GPT 4 layers of 128, 512 tokens, batch 4",
    "tabular MLP 32-256-256-2, batch norm, AdamW, batch 256",
    "GRU 64 wide, 32 steps, batch 32",
    "PINN 2-64-64-64-1, second derivatives, 512 points",
    "1-D convolutions, 64 signals of 256",
    "depthwise convolutions, 32 images of 32x32",
    "embedding of 50,000 rows, batch 64 of 32",
    "wide MLP 1024-2048-2048-10, batch 256",
)
ON_GPU = os.environ.get("XDL_DEVICE", "").startswith("cuda")
FORMS = ("xdl", "xdl-cuda") if ON_GPU else ("xdl", "xdl-numpy", "xdl-numba")
PEERS = ("torch", "torch-graph") if ON_GPU else ("torch", "jax")
RESULTS = pathlib.Path(__file__).parent / "results"
PAUSE = 0.2  # seconds: threads of the BLAS that stepped before wait busily for a while


class Worker:
    """A process that steps one workload of one peer when it is asked to."""

    def __init__(self, peer, workload, threads):
        names = ("OMP", "OPENBLAS", "MKL")
        environment = os.environ | {f"{n}_NUM_THREADS": str(threads) for n in names}
        command = [sys.executable, "-m", "benchmarks.peer_worker", peer, workload]
        self._process = subprocess.Popen(
            [*command, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.ready = self._answer()

    def round(self):
        time.sleep(PAUSE)
        self._process.stdin.write("step\n")
        self._process.stdin.flush()
        return self._answer()

    def stop(self):
        self._process.stdin.close()
        self._process.wait()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a worker ended before it answered")
        return json.loads(line)


def compare(workload, threads, forms, peers, rounds):
    """Step all forms of xdl and all peers in turn; return figures of every pair."""
    workers = {name: Worker(name, workload, threads) for name in (*forms, *peers)}
    losses = {name: worker.ready["loss"] for name, worker in workers.items()}
    # This one alone starts from other weights than the peers', of nearly their spread.
    tolerance = 0.02 if workload == WORKLOADS[-1] else 1e-3
    least, most = min(losses.values()), max(losses.values())
    if not ON_GPU and most - least > tolerance * most:
        raise RuntimeError(f"{workload}: the losses after 6 steps differ: {losses}")
    turns = [{n: w.round() for n, w in workers.items()} for _ in range(rounds)]
    for worker in workers.values():
        worker.stop()
    return [
        {
            "workload": workload,
            "threads": threads,
            "form": form,
            "peer": f"{peer} {workers[peer].ready['version']}",
            **_figures([turn[form] for turn in turns], [turn[peer] for turn in turns]),
            "first_step_ms": workers[form].ready["first_step_ms"],
            "xdl_first_megabytes": workers[form].ready["first_megabytes"],
            "peer_first_megabytes": workers[peer].ready["first_megabytes"],
            "loss": losses[form],
            "peer_loss": losses[peer],
        }
        for form, peer in itertools.product(forms, peers)
    ]


def _figures(ours, theirs):
    ratios = [a["us"] / b["us"] for a, b in zip(ours, theirs, strict=True)]
    return {
        "xdl_us": statistics.median(a["us"] for a in ours),
        "peer_us": statistics.median(b["us"] for b in theirs),
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "xdl_megabytes": ours[-1]["megabytes"],
        "peer_megabytes": theirs[-1]["megabytes"],
    }


def _has_larger(peer):
    return importlib.util.find_spec(f"benchmarks.peer_{peer}_larger") is not None


def processor():
    """Return what the processor calls itself, where the system says it."""
    told = pathlib.Path("/proc/cpuinfo")
    names = (
        re.findall(r"^model name\s*: (.*)$", told.read_text(), re.M)
        if told.exists()
        else []
    )
    return f"{platform.machine()}, {names[0]}" if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [*WORKLOADS, *([] if ON_GPU else LARGER)]
    threads = [1] if ON_GPU else [1, 2]
    parser.add_argument("--threads", type=int, nargs="+", default=threads)
    parser.add_argument("--workloads", nargs="+", default=known)
    parser.add_argument("--forms", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--peers", nargs="+", default=PEERS, choices=PEERS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/")
    options = parser.parse_args()
    peers = [p for p in options.peers if importlib.util.find_spec(p.partition("-")[0])]
    print("beside", ", ".join(peers) or "none: no peer is installed")
    has_numba = importlib.util.find_spec("numba") is not None
    forms = [f for f in options.forms if has_numba or f != "xdl-numba"]
    results = []
    for threads, workload in itertools.product(options.threads, options.workloads):
        having = [p for p in peers if workload in WORKLOADS or _has_larger(p)]
        found = compare(workload, threads, forms, having, options.rounds)
        results += found
        for pair in found:
            print(
                f"{workload:40} {threads} thread{'s' * (threads > 1):1} "
                f"{pair['form']:10}{pair['xdl_us']:9.1f} us  {pair['peer']} "
                f"{pair['peer_us']:9.1f} us  ratio {pair['ratio']:.2f}  "
                f"MB {pair['xdl_megabytes']:.1f} / {pair['peer_megabytes']:.1f}",
                flush=True,
            )
    if options.save:
        record = {
            "command": f"python -m benchmarks.peers {' '.join(sys.argv[1:])}",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": f"{processor()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "results": results,
        }
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / ("peers-cuda.json" if ON_GPU else "peers.json")
        file.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
