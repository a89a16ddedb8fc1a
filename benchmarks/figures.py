"""The figures of README and docs/performance.md: `python -m benchmarks.figures`.

It prints the tables and the sentence that stand there, made of benchmarks/results/ as
`benchmarks.peers --save` and `benchmarks.overhead --save` left it. A test compares.
"""

import json
import pathlib

RESULTS = pathlib.Path(__file__).parent / "results"
FORMS = {"xdl": "eager", "xdl-numpy": "compiled, numpy", "xdl-numba": "compiled, numba"}
SHORT = {  # of the workloads that README's sentence names
    "linear 64-10, batch 1": "the linear model on one sample",
    "MLP 784-512-512-10, batch 128": "an MLP",
    "CNN 32-64-128, 64 images of 28x28": "a CNN",
    "GPT 4 layers of 128, 64 tokens, batch 8": "a small GPT",
    "LSTM 256 wide, 64 steps, batch 32": "an LSTM",
}


def _results(name):
    return json.loads((RESULTS / f"{name}.json").read_text())["results"]


def _pairs(threads, peer):
    """Return from workload and form to the figures beside a peer, for some threads."""
    found = [r for r in _results("peers") if r["threads"] == threads]
    ours = [r for r in found if r["peer"].startswith(peer)]
    return {(r["workload"], r["form"]): r for r in ours}


def _workloads():
    return list(dict.fromkeys(r["workload"] for r in _results("peers")))


def _table(head, rows):
    def written(cells):
        return f"| {' | '.join(cells)} |"

    return [written(head), "|" + "---|" * len(head), *map(written, rows)]


def ratios(threads):
    """Return the table of ratios to PyTorch, for a number of threads."""
    torch, jax = _pairs(threads, "torch"), _pairs(threads, "jax")
    rows = []
    for workload in _workloads():
        ours = [f"{torch[workload, form]['ratio']:.2f}" for form in FORMS]
        eager, theirs = (workload, "xdl"), "-"
        if eager in jax:
            theirs = f"{jax[eager]['peer_us'] / torch[eager]['peer_us']:.2f}"
        rows.append([workload, *ours, theirs])
    return _table(["step", *FORMS.values(), "JAX"], rows)


def memory():
    """Return the table of peak memory, of the larger steps on one thread."""
    torch, jax = _pairs(1, "torch"), _pairs(1, "jax")
    rows = []
    for workload in [w for w in _workloads() if not w.startswith("linear")]:
        ours = [torch[workload, form]["xdl_megabytes"] for form in FORMS]
        for peer in (torch, jax):
            beside = peer.get((workload, "xdl"))
            ours.append(beside and beside["peer_megabytes"])
        rows.append([workload, *("-" if n is None else f"{n:.0f}" for n in ours)])
    return _table(["step", *FORMS.values(), "PyTorch", "JAX"], rows)


def by_hand():
    """Return the table of digits steps beside NumPy by hand."""
    found = {r["what"]: r["ratio"] for r in _results("overhead")}
    rows = [["digits eager, batch 1", f"{found['digits step, batch 1']:.2f}"]]
    steps = [(w, r) for w, r in found.items() if w.startswith("digits, ")]
    rows += [[what, f"{ratio:.2f}"] for what, ratio in steps]
    return _table(["step", "ratio to NumPy by hand"], rows)


def cost():
    """Return the sentences about one operation, and about the import."""
    found = {r["what"]: r for r in _results("overhead")}
    one = found["multiplication, forward + backward"]
    step, more = found["digits step, batch 1"], found["import"]["more_than_numpy_ms"]
    return (
        "One operation, forward and backward, costs "
        f"{one['overhead_in_digits_steps']:.3f} of such a hand-written step "
        "more than the NumPy calls that it makes: "
        f"{one['overhead_us']:.2f} us where that step takes {step['numpy']:.1f} us. "
        f"`import xdl` takes {more:.0f} ms more than NumPy's import."
    )


def sentence():
    """Return README's sentence about whole steps beside PyTorch's."""
    torch = _pairs(1, "torch")
    version = next(iter(torch.values()))["peer"].split()[1].rpartition(".")[0]

    def listed(form, names):
        parts = []
        for workload, name in SHORT.items():
            ratio = f"{torch[workload, form]['ratio']:.2f}"
            parts.append(f"{ratio} for {name}" if names else ratio)
        return ", ".join(parts[:-1]) + f" and {parts[-1]}"

    first, rest = listed("xdl", True).split(" for ", 1)
    return (
        f"On one thread of ours an eager step took {first} of PyTorch {version}'s time "
        f"for {rest}; compiled by Numba {listed('xdl-numba', False)}"
    )


def main():
    for title, lines in {
        "one thread": ratios(1),
        "two threads": ratios(2),
        "memory": memory(),
        "by hand": by_hand(),
        "cost": [cost()],
        "README": [sentence()],
    }.items():
        print(f"{title}:\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
