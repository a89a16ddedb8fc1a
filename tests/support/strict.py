"""array_api_strict as a registered backend: it has the standard's names and no more.

Its arrays live on devices of their own, which compute on the CPU but refuse to mix, so
that whatever forgets to say where an array belongs fails without a GPU.
"""

import array_api_strict
import numpy as np

from xdl import backend
from xdl.backend.portable import Portable


class StrictDevice(backend.Device):
    """A device of array_api_strict, such as ``StrictDevice("device1")``."""

    __slots__ = ()

    def __new__(cls, name):
        return str.__new__(cls, f"strict:{name}")

    @property
    def native(self):
        return array_api_strict.Device(self.partition(":")[2])


class _Strict(Portable):
    def quiet(self):
        return np.errstate(all="ignore")  # it is NumPy underneath, and would warn


class _Library:
    kind = "strict"

    def to_numpy(self, array):
        return np.asarray(array.to_device(CPU.native))

    def from_numpy(self, array, device):
        return array_api_strict.asarray(array, device=device.native)

    def device_of(self, array):
        return StrictDevice(str(array.device).partition("'")[2].rstrip("')"))


CPU = StrictDevice("CPU_DEVICE")
DEVICE1 = StrictDevice("device1")
Array = type(array_api_strict.asarray(0))

backend.register(Array, _Strict(array_api_strict), _Library())
