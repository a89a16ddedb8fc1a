"""xdl beside PyTorch and JAX, those that are installed: `python -m benchmarks.peers`.

All run in processes of their own and step in turn, round by round, on the same data
from the same weights: forward, loss, backward and update in float32. The median of the
ratios of neighbouring rounds is printed, and the peak memory that the steps took above
that of the imports. `--save` writes the figures under benchmarks/results/.
"""

import argparse
import datetime
import importlib.util
import itertools
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

WORKLOADS = (
    "linear 64-10, batch 1",
    "linear 64-10, batch 32",
    "MLP 784-512-512-10, batch 128",
    "CNN 32-64-128, 64 images of 28x28",
    "LSTM 256 wide, 64 steps, batch 32",
    "GPT 4 layers of 128, 64 tokens, batch 8",
)
PEERS = ("torch", "jax")
RESULTS = pathlib.Path(__file__).parent / "results"


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


def compare(workload, threads, peer, rounds):
    """Step xdl and a peer in turn; return the figures of both."""
    workers = [Worker(name, workload, threads) for name in ("xdl", peer)]
    losses = [worker.ready["loss"] for worker in workers]
    # The GPT alone starts from other weights than the peers', of nearly their spread.
    tolerance = 0.02 if workload.startswith("GPT") else 1e-3
    if abs(losses[0] - losses[1]) > tolerance * abs(losses[1]):
        raise RuntimeError(f"{workload}: the losses after 6 steps differ: {losses}")
    pairs = [[worker.round() for worker in workers] for _ in range(rounds)]
    for worker in workers:
        worker.stop()
    ours, theirs = zip(*pairs, strict=True)
    ratios = [a["us"] / b["us"] for a, b in pairs]
    return {
        "workload": workload,
        "threads": threads,
        "peer": f"{peer} {workers[1].ready['version']}",
        "xdl_us": statistics.median(a["us"] for a in ours),
        "peer_us": statistics.median(b["us"] for b in theirs),
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "xdl_megabytes": ours[-1]["megabytes"],
        "peer_megabytes": theirs[-1]["megabytes"],
        "losses": losses,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workloads", nargs="+", default=WORKLOADS)
    parser.add_argument("--peers", nargs="+", default=PEERS, choices=PEERS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/")
    options = parser.parse_args()
    peers = [name for name in options.peers if importlib.util.find_spec(name)]
    print("beside", ", ".join(peers) or "none: no peer is installed")
    cases = itertools.product(options.threads, options.workloads, peers)
    results = []
    for threads, workload, peer in cases:
        found = compare(workload, threads, peer, options.rounds)
        results.append(found)
        print(
            f"{workload:40} {threads} thread{'s' * (threads > 1):1} "
            f"xdl {found['xdl_us']:9.1f} us  {found['peer']} "
            f"{found['peer_us']:9.1f} us  ratio {found['ratio']:.2f}  "
            f"MB {found['xdl_megabytes']:.1f} / {found['peer_megabytes']:.1f}"
        )
    if options.save:
        record = {
            "command": f"python -m benchmarks.peers {' '.join(sys.argv[1:])}",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "results": results,
        }
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "peers.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
