"""What is installed and chosen: ``show_config`` and ``python -m xdl info``.

CuPy is imported only if the GPU is asked about or chosen: looking must not be slow,
and must work where CuPy is broken.
"""

import importlib
import platform
import sys

from xdl import backend
from xdl.arguments import explained
from xdl.backend import heap
from xdl.errors import DeviceError

# The optional packages by the extra that installs them.
EXTRAS = {
    "cuda": ("cupy-cuda13x",),
    "jit": ("numba",),
    "sklearn": ("scikit-learn",),
    "plot": ("matplotlib",),
    "onnx": ("onnx", "onnxruntime"),
}


@explained
def show_config(cuda: bool = False) -> None:
    """Print the versions, the device and the optional packages that xdl sees.

    It never fails for a device that is not usable: it prints what is missing.

    Args:
        cuda: look at the GPU too, which imports CuPy; default False. A GPU that is the
            chosen device is always looked at.

    Example:
        >>> import xdl.config
        >>> xdl.config.show_config()  # doctest: +ELLIPSIS
        xdl            ...
        python         ...
        numpy          ...
        device         ...
    """
    for name, text in configuration(cuda).items():
        print(f"{name:<14} {text}")


def configuration(cuda: bool = False) -> dict[str, str]:
    """Return what ``show_config`` prints, as a dict of texts.

    Args:
        cuda: as for ``show_config``.
    """
    found = {
        "xdl": str(importlib.import_module("xdl").__version__),
        "python": f"{platform.python_version()} on {platform.platform(terse=True)}",
        "numpy": f"{_version('numpy')}, BLAS {_blas()}",
        "heap": f"{heap.megabytes()} MiB of freed memory are kept (XDL_HEAP_MB)",
    }
    gpu = "cuda" if cuda else None
    try:
        chosen = backend.device()
    except DeviceError as error:
        found["device"] = f"none: {error}"
    else:
        found["device"] = str(chosen)
        gpu = str(chosen) if chosen.kind == "cuda" else gpu
    if gpu:
        found["GPU"] = _gpu(gpu)
    for extra, packages in EXTRAS.items():
        for package in packages:
            missing = f'not installed (pip install "xdl[{extra}]")'
            found[package] = _version(package) or missing
    return found


def _version(package: str) -> str:
    from importlib import metadata  # here: it takes 25 ms of `import xdl`

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _blas() -> str:
    built = importlib.import_module("numpy").show_config("dicts")
    blas = built["Build Dependencies"]["blas"]
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _gpu(name: str) -> str:
    """Describe a GPU and its driver, or say which part is missing."""
    try:
        where = backend.usable(name, "show_config")
    except DeviceError as error:
        return f"none: {error}"
    cupy = sys.modules["cupy"]  # `usable` has imported it, in its one place
    facts = cupy.cuda.runtime.getDeviceProperties(where.index)
    driver, runtime = (
        f"{number // 1000}.{number % 1000 // 10}"
        for number in (
            cupy.cuda.runtime.driverGetVersion(),
            cupy.cuda.runtime.runtimeGetVersion(),
        )
    )
    return (
        f"{facts['name'].decode()}, {facts['totalGlobalMem'] / 2**30:.0f} GiB, compute "
        f"capability {facts['major']}.{facts['minor']}, CuPy {cupy.__version__}, "
        f"CUDA {runtime}, driver for CUDA {driver}"
    )
