"""The checks of the project: `nox` runs those that every change must pass."""

import os
import pathlib
import re
import shutil

import nox
from nox.command import CommandFailed

nox.options.default_venv_backend = "uv|virtualenv"  # uv installs in a tenth of the time
nox.options.reuse_venv = "yes"

PYTORCH = "torch==2.13.0"  # the oracle, and what the GPU is measured against
ONNX = "onnx==1.23.2"  # its tests of operators are counted
# What the host GPU (docs/gpu.md) is made of; CuPy's highest version that xdl allows.
CUPY = "cupy-cuda13x==14.2.0"
CUDA = [f"nvidia-cuda-{part}==13.2.*" for part in ("crt", "nvrtc", "runtime")]
HOST_GPU = ("python", "-m", "tests.host_gpu")
SHARED = ("-n", "auto", "--dist", "worksteal")  # a process for each processor,
ALONE = {"OPENBLAS_NUM_THREADS": "1"}  # so that products need no more threads
PROJECT = nox.project.load_toml("pyproject.toml")["project"]


def requirement(*packages):
    """Return what pyproject.toml asks of packages: there alone stand the versions."""
    extras = PROJECT["optional-dependencies"]["dev"]
    lines = {re.match(r"[\w.-]+", line)[0]: line for line in extras}
    return [lines[package] for package in packages]


def lowest_versions():
    """Return the lowest versions that pyproject.toml allows of what the tests need."""
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["dev"], *extras["jit"]]
    wanted += extras["sklearn"] + extras["plot"] + extras["examples"]
    return [line.replace(">=", "==") for line in wanted if ">=" in line]


@nox.session
def tests(session):
    """Run the test suite, with Numba, which the other default sessions lack."""
    session.install("-e", ".[dev,jit]")
    cache = {"XDL_CACHE": session.create_tmp()}
    session.run("pytest", *SHARED, *session.posargs, env=ALONE | cache)


@nox.session
def lint(session):
    """Check the style, the format and the spelling."""
    session.install(*requirement("ruff", "codespell"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
def types(session):
    """Check the types: of xdl, and of a program of what users write."""
    tools = requirement("mypy", "pyright", "pytest", "pytest-randomly")
    session.install("-e", ".", *tools)
    session.run("mypy")
    session.run("pytest", "tests/typing")


@nox.session
def doctest(session):
    """Run the examples of every docstring."""
    session.install("-e", ".[sklearn,plot]", *requirement("pytest", "pytest-randomly"))
    ignored = ("xdl/native", "xdl/program/numba_executor")
    absent = ["--ignore-glob=*/cupy*.py", *(f"--ignore={path}" for path in ignored)]
    session.run("pytest", "--doctest-modules", *absent, "xdl", *session.posargs)


@nox.session
def examples(session):
    """Run every example, with few steps: as it is, and compiled."""
    session.install("-e", ".[examples]")
    pictures = pathlib.Path(session.create_tmp())
    readers = ("linear", "mlp", "cnn")
    options = {
        "characters.py": [("--model", m, "--steps", "30") for m in ("gpt", "lstm")],
        "digits.py": [("--epochs", "2", "--plot", str(pictures / "digits.png"))],
        "digits_models.py": [("--model", m, "--epochs", "2") for m in readers],
        "gan.py": [("--steps", "30", "--plot", str(pictures / "gan.png"))],
        "tabular.py": [("--epochs", "5")],
    }
    for example in sorted(pathlib.Path("examples").glob("*.py")):
        runs = options.get(example.name, [()])
        if example.name in options:
            runs.append((*runs[-1], "--executor", "numpy"))
        for arguments in runs:
            session.run("python", str(example), *arguments, env={"MPLBACKEND": "Agg"})


@nox.session
def host_gpu(session):
    """Run the GPU's tests on a GPU that is none: CuPy on the host's memory.

    Where that cannot be made the session is skipped, and fails if CI is set.
    """
    _host_gpu(session, CUPY)
    _on_host_gpu(session, "tests/gpu", *session.posargs)


def _host_gpu(session, cupy):
    """Install and make the host GPU, or end the session with the reason."""
    end = session.error if os.environ.get("CI") else session.skip
    if not shutil.which("g++"):
        end("the host GPU needs g++")
    try:
        session.install("-e", ".[dev]", cupy, "cython>=3.2,<3.3", "pip", *CUDA)
        session.run(*HOST_GPU, "-c", "")
    except CommandFailed:
        end("the host GPU cannot be made here: what failed stands above")


def _on_host_gpu(session, *tests, archs="90"):
    """Run tests marked gpu, and report on the kernels that they met."""
    met = pathlib.Path(session.create_tmp(), "met")
    shutil.rmtree(met, ignore_errors=True)
    met.mkdir()
    noted = ALONE | {"HOST_GPU_MET": str(met), "HOST_GPU_ARCHS": archs}
    session.run(*HOST_GPU, "-m", "pytest", *SHARED, "-m", "gpu", *tests, env=noted)
    session.run("python", "-m", "tests.host_gpu.report", str(met))


@nox.session(default=False)
@nox.parametrize("cupy", ["cupy-cuda13x==14.0.0", CUPY], ids=["lowest", "highest"])
def host_gpu_all(session, cupy):
    """Run more on the host GPU: the examples, sm_80, and CuPy's lowest version."""
    _host_gpu(session, cupy)
    tests = ("tests/gpu", "tests/host_gpu", *session.posargs)
    _on_host_gpu(session, *tests, archs="90,80")


@nox.session(default=False)
def coverage(session):
    """Say which lines and branches of the core and the operations no test runs."""
    session.install("-e", ".[dev]")
    session.run("pytest", *SHARED, "--cov", "--cov-report=term", *session.posargs)


@nox.session(default=False)
def oracle(session):
    """Compare operations, layers and optimizers with PyTorch's and ONNX's."""
    session.install("-e", ".[dev,onnx]", PYTORCH, ONNX, "expecttest")
    session.run("pytest", "tests/oracle", *session.posargs)


@nox.session(default=False)
def attack(session):
    """Damage files, caches, processes and programs at random, for minutes."""
    session.install("-e", ".[dev,jit]")
    session.run("pytest", "tests/attack", *session.posargs)


@nox.session(default=False)
def lowest(session):
    """Run the tests with the lowest version of each dependency."""
    session.install("-e", ".[dev,jit]", *lowest_versions())
    cache = {"XDL_CACHE": session.create_tmp()}
    session.run("pytest", *SHARED, *session.posargs, env=cache)


@nox.session(default=False)
def bench(session):
    """Print the overhead over plain NumPy."""
    session.install("-e", ".[examples]")
    session.run("python", "-m", "benchmarks.overhead", *session.posargs)


@nox.session(default=False)
def peers(session):
    """Compare training steps with PyTorch's, in turn."""
    session.install("-e", ".", PYTORCH)
    session.run("python", "-m", "benchmarks.peers", *session.posargs)


@nox.session(default=False)
def gpu(session):
    """Run the tests and the measurements that need a CUDA device."""
    session.install("-e", ".[cuda,dev]", PYTORCH, "nvmath-python")
    session.run("python", "-m", "benchmarks.gpu", *session.posargs)
