"""What a GPU does for xdl: `python -m benchmarks.gpu`, one command, under 8 minutes.

It runs the tests that need a GPU, times the digits step beside PyTorch's, and measures
what the CUDA design rests on. It needs no network: xdl's folder, NumPy, CuPy and, for
the tests, pytest and ml_dtypes; what else is missing (PyTorch) is left out. Each part
runs in a process of its own, so that one that fails, or breaks the GPU's context,
leaves the others alone; what failed is recorded, with what it printed. The figures and
a table go to benchmarks/results/<gpu>-<date>.json and .md, after each part anew.
Status: 0 all parts ran, 1 one failed, 2 there is no usable GPU.
"""

import argparse
import contextlib
import datetime
import importlib
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import xdl

RESULTS = pathlib.Path(__file__).parent / "results"
ROOT = pathlib.Path(__file__).parents[1]
BUDGET = 460.0  # seconds for everything
MARK = "benchmarks.gpu result: "

# From a part's name to where its function is, and the seconds that it may take.
PARTS = {
    "tests": ("benchmarks.gpu:tests", 240),
    "digits": ("benchmarks.gpu_digits:digits", 60),
    "calls": ("benchmarks.gpu_calls:calls", 60),
    "graphs": ("benchmarks.gpu_graphs:graphs", 60),
    "capture": ("benchmarks.gpu_graphs:capture", 60),
    "pools": ("benchmarks.gpu_graphs:pools", 60),
    "ceilings": ("benchmarks.gpu_calls:ceilings", 60),
}


def tests():
    """Run the tests that need a GPU; return their last line and status."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/gpu"]
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        for line in running.stdout:
            print(line, end="", flush=True)  # what is there if it must be ended
            lines.append(line.strip())
    rows = [row("pytest -m gpu", lines[-1] if lines else "no output")]
    rows.append(row("pytest's status", running.returncode))
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return rows + [row(f"failed test {i}", line) for i, line in enumerate(failed[:20])]


def row(name, value, unit=""):
    """Return one measured fact."""
    return {"name": name, "value": value, "unit": unit}


def run_part(name):
    """Run one part here; print its rows, or its error, as one marked line."""
    module, _, function = PARTS[name][0].partition(":")
    try:
        result = {"rows": getattr(importlib.import_module(module), function)()}
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
        result["traceback"] = traceback.format_exc()
    print(MARK + json.dumps(result, default=str), flush=True)


def in_process(name, seconds):
    """Run one part in a process of its own; return its rows or its error."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", name]
    status, text = ended(command, seconds)
    found = [line for line in text.splitlines() if line.startswith(MARK)]
    if found:
        return json.loads(found[-1].removeprefix(MARK))
    why = f"it ran past {seconds:.0f} s" if status is None else f"status {status}"
    return {"error": f"{why}: {text[-2000:].strip()}"}


def ended(command, seconds):
    """Run a command, and end it and all that it started after some seconds.

    Returns:
        Its status, None if it had to be ended, and what it printed.
    """
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        printed.seek(0)
        return status, printed.read()


def run_parts(names, report, save, run=in_process, clock=time.monotonic):
    """Run parts one after the other within the budget, saving after each.

    Args:
        names: of the parts, in order.
        report: the dict that takes each part's result.
        save: called with the report after each part.
        run: called with a part's name and its seconds; returns its result.
        clock: returns seconds.
    """
    start = clock()
    for name in names:
        began = clock()
        left = BUDGET - (began - start)
        if left < 10:
            report["parts"][name] = {"error": "skipped: the time was used up"}
            continue
        try:
            result = run(name, min(left, PARTS[name][1]))
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        report["parts"][name] = {**result, "seconds": round(clock() - began, 1)}
        save(report)
    save(report)


def table(report):
    """Return a report as Markdown."""
    lines = [
        f"# {report['device']}, {report['date']}",
        "",
        f"`{report['command']}`",
        "",
    ]
    versions = report["versions"].items()
    lines += [", ".join(f"{name} {version}" for name, version in versions), ""]
    for name, part in report["parts"].items():
        lines += [f"## {name}", ""]
        if "error" in part:
            lines += [f"Failed: {_one_line(part['error'])}", ""]
            continue
        lines += ["| what | value | unit |", "| --- | ---: | --- |"]
        lines += [
            f"| {_one_line(r['name'])} | {_shown(r['value'])} | {r['unit']} |"
            for r in part["rows"]
        ]
        lines.append("")
    return "\n".join(lines)


def _one_line(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def _shown(value):
    return f"{value:.4g}" if isinstance(value, float) else _one_line(value)


def write(report, folder=RESULTS):
    """Write a report as JSON with its table beside it; return the path of the JSON."""
    slug = re.sub(r"[^a-z0-9]+", "-", report["device"].lower()).strip("-")
    path = pathlib.Path(folder) / f"{slug}-{report['date']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    path.with_suffix(".md").write_text(table(report))
    return path


def describe(command):
    """Return a report without parts: the device, the versions, the date."""
    import cupy

    runtime = cupy.cuda.runtime
    versions = {
        "xdl": xdl.__version__,
        "python": platform.python_version(),
        "numpy": _version("numpy"),
        "cupy": cupy.__version__,
        "torch": _version("torch"),
        "nvmath": _version("nvmath"),
        "CUDA driver": runtime.driverGetVersion(),
        "CUDA runtime": runtime.runtimeGetVersion(),
    }
    name = runtime.getDeviceProperties(0)["name"]
    return {
        "device": name.decode() if isinstance(name, bytes) else name,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": command,
        "versions": versions,
        "parts": {},
    }


def _version(module):
    try:
        return getattr(importlib.import_module(module), "__version__", "unknown")
    except ImportError:
        return "not installed"


def main(arguments=None):
    parser = argparse.ArgumentParser("python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", default=RESULTS, help="where the results go")
    options = parser.parse_args(arguments)
    try:
        xdl.use_device("cuda")
    except xdl.DeviceError as error:
        print(f"benchmarks.gpu: no usable GPU: {error}")
        return 2
    if options.part:
        run_part(options.part)
        return 0
    given = sys.argv[1:] if arguments is None else arguments
    report = describe(" ".join(["python -m benchmarks.gpu", *given]))
    run_parts(options.only, report, lambda report: write(report, options.folder))
    print(table(report))
    print(f"written to {write(report, options.folder)}")
    return int(any("error" in part for part in report["parts"].values()))


if __name__ == "__main__":
    sys.exit(main())
