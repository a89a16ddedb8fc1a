"""What a GPU needs before it computes: each part that is missing has its text."""

from xdl.errors import DeviceError

_INVISIBLE = (
    "the NVIDIA driver shows no GPU; look at nvidia-smi and at CUDA_VISIBLE_DEVICES"
)
_INSTALL = 'pip install "xdl[cuda]"'


def preflight(cupy, index, came):
    """Raise a DeviceError that names the first part missing for GPU number ``index``.

    Args:
        cupy: the module.
        index: the number of the GPU.
        came: the beginning of the sentence: who asked for which device.

    Raises:
        DeviceError: no driver, an old one, no GPU, no such GPU; or the GPU, NVRTC, the
            headers or cuBLAS fail.
    """
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise DeviceError(f"{came}, but {_without_gpu(runtime, error)}") from error
    if not count:
        raise DeviceError(f"{came}, but {_INVISIBLE}")
    if index >= count:
        there = (
            "the only GPU is cuda:0"
            if count == 1
            else f"there are cuda:0 to {count - 1}"
        )
        raise DeviceError(f"{came}, but {there}")
    for fault, try_it in _PARTS:
        try:
            try_it(cupy, index)
        except (RuntimeError, ImportError, OSError) as error:
            raise DeviceError(f"{came}, but {fault} ({_line(error)})") from error


def _without_gpu(runtime, error):
    """Say why CUDA counts no GPUs; the numbers are CUDA's error codes."""
    driver, built_for = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if error.status == 35 and not driver:
        return "there is no NVIDIA driver on this computer; install one"
    if error.status == 35:
        return (
            f"the NVIDIA driver is too old: it runs CUDA {_version(driver)}, CuPy "
            f"needs {_version(built_for)}; update the driver"
        )
    return (
        _INVISIBLE if error.status == 100 else f"CUDA does not start ({_line(error)})"
    )


def _version(number):
    return f"{number // 1000}.{number % 1000 // 10}"


def _line(error):
    """Return an error's first line; some of CuPy's run over a screen."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _try_device(cupy, index):
    return cupy.cuda.Device(index).mem_info


def _try_nvrtc(cupy, index):
    cupy.cuda.nvrtc.getVersion()


def _try_kernel(cupy, index):
    with cupy.cuda.Device(index):
        (cupy.zeros(1, "float32") + 1).get()


def _try_cublas(cupy, index):
    with cupy.cuda.Device(index):
        cupy.cuda.device.get_cublas_handle()


_PARTS = (
    ("the GPU does not answer", _try_device),
    (f"CUDA's compiler NVRTC is missing; {_INSTALL}", _try_nvrtc),
    (f"a kernel does not compile; CUDA's headers come with {_INSTALL}", _try_kernel),
    (f"cuBLAS is missing; {_INSTALL}", _try_cublas),
)
