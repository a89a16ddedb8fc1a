"""How the arrays of a GPU come and go."""

from xdl.backend.device import Device


class CudaLibrary:
    """How CuPy's arrays are moved and placed.

    Args:
        cupy: the module.
        gpu: the OneGpu.
        checks: the CudaChecks, whose answers every read waits for.
    """

    kind = "cuda"

    def __init__(self, cupy, gpu, checks):
        self._cupy, self._gpu, self._checks = cupy, gpu, checks
        self._devices = _Devices()

    def to_numpy(self, array):
        """Return an array on the host."""
        return self._checks.read(array)

    def from_numpy(self, array, device):
        """Return an array of the host on a GPU."""
        self._gpu.refuse_forked(f"from_numpy: {device} came")
        self._cupy.cuda.Device(device.index).use()
        return self._cupy.asarray(array)

    def from_dlpack(self, array):
        """Return an array on the memory of another library's on the GPU."""
        return self._cupy.from_dlpack(array)

    def device_of(self, array):
        """Return the Device that an array is on."""
        return self._devices[array.data.device_id]


class _Devices(dict):
    """From a number to its Device, made once: making one takes longer than an add."""

    def __missing__(self, index):
        self[index] = Device(f"cuda:{index}")
        return self[index]
