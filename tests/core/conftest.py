"""A second device that needs no GPU: a subclass of NumPy's array that says so."""

import types

import numpy as np
import pytest

from xdl import backend
from xdl.backend import NAMESPACES, Device
from xdl.backend import numpy as host_namespace

REMOTE = Device("cuda:1")


class RemoteArray(np.ndarray):
    """An array that claims to live on ``cuda:1``."""


class RemoteLibrary:
    """What ``backend.register`` asks of an array library."""

    kind = "cuda"

    @staticmethod
    def to_numpy(array):
        return np.array(array)

    @staticmethod
    def from_numpy(array, device):
        return np.array(array).view(RemoteArray)

    @staticmethod
    def device_of(array):
        return REMOTE


@pytest.fixture
def remote(monkeypatch):
    """Make ``cuda:1`` usable in this test; it is the name of the device."""
    # `asanyarray` keeps the subclass, as a GPU's own `asarray` keeps its arrays.
    names = {**vars(host_namespace), "asarray": np.asanyarray}
    monkeypatch.setitem(NAMESPACES, RemoteArray, types.SimpleNamespace(**names))
    monkeypatch.setitem(backend._LIBRARIES, RemoteArray, RemoteLibrary)
    monkeypatch.setattr(backend, "_library_of", lambda where: RemoteLibrary)
    monkeypatch.setattr(backend, "usable", Device)
    return REMOTE
