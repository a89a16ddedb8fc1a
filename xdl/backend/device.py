"""Which device new arrays are made on: ``XDL_DEVICE``, ``use_device``, ``device``."""

from __future__ import annotations

import importlib
import os
import re
import sys
from contextvars import ContextVar
from typing import Any, Self

from xdl.arguments import explained
from xdl.errors import DeviceError


class Device(str):
    """A device name that has been checked: ``"cpu"`` or ``"cuda:N"``.

    It is a string, so it prints, compares and hashes like one.

    Example:
        >>> from xdl.backend import Device
        >>> Device("cuda"), Device("cuda").kind, Device("cuda").index
        ('cuda:0', 'cuda', 0)
        >>> Device("cpu") == "cpu"
        True

    Raises:
        DeviceError: the name is none of cpu, cuda, cuda:N.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        if isinstance(name, cls):
            return name
        match = re.fullmatch(
            r"cpu|cuda(?::(\d+))?", name if isinstance(name, str) else ""
        )
        if match is None:
            raise DeviceError(
                f"device: {name!r} came, needed 'cpu', 'cuda', 'cuda:N' or 'auto'"
            )
        return super().__new__(cls, f"cuda:{match[1] or 0}" if name != "cpu" else name)

    @property
    def kind(self) -> str:
        """``"cpu"`` or ``"cuda"``."""
        return self.partition(":")[0]

    @property
    def index(self) -> int:  # type: ignore[override]
        """The number of the GPU; 0 for the CPU."""
        return int(self.partition(":")[2] or 0)


CPU = Device("cpu")
_current: ContextVar[Any] = ContextVar("xdl_device", default=None)


@explained
def device() -> Device:
    """Return the Device that new Variables are made on.

    It is what ``use_device`` chose in this thread, else ``XDL_DEVICE``, else the CPU.

    Example:
        >>> import xdl
        >>> xdl.device()
        'cpu'

    Raises:
        DeviceError: ``XDL_DEVICE`` names a device that is unknown or not usable.
    """
    return _current.get() or _from_environment()


class use_device:
    """Choose the device for new Variables: as a call, or for a ``with`` block.

    Args:
        name: ``"cpu"``, ``"cuda"``, ``"cuda:N"``, or ``"auto"`` (CUDA if it is usable,
            else the CPU; the choice is printed to stderr).

    Raises:
        DeviceError: the device is unknown, or not usable; the text says which part is
            missing. Nothing has changed then.

    Example:
        >>> import xdl
        >>> with xdl.use_device("cpu"):
        ...     print(xdl.Variable([1.0]).device)
        cpu
    """

    @explained
    def __init__(self, name: str) -> None:
        self._before = _current.get()
        self.device = usable(name, "use_device")
        _current.set(self.device)

    def __enter__(self) -> Device:
        return self.device

    def __exit__(self, *exception: object) -> None:
        _current.set(self._before)


_environment: dict[Any, Any] = {}


def _from_environment():
    name = os.environ.get("XDL_DEVICE", "") or "cpu"
    if name not in _environment:
        _environment[name] = usable(name, "XDL_DEVICE")
    return _environment[name]


def usable(name: Any, who: str = "device") -> Device:
    """Return the Device called ``name`` once it is known to work."""
    if name == "auto":
        return _automatic(who)
    try:
        chosen = Device(name)
    except DeviceError as error:
        raise DeviceError(str(error).replace("device", who, 1)) from None
    if chosen.kind == "cuda":
        _require_cuda(chosen, who)
    return chosen


def _require_cuda(chosen, who):
    try:
        cuda = importlib.import_module("xdl.backend.cupy")
    except ModuleNotFoundError as error:
        raise DeviceError(
            f"{who}: {chosen} came, but {error.name} is not installed; needed CuPy: "
            'pip install "xdl[cuda]"'
        ) from error
    except ImportError as error:
        raise DeviceError(f"{who}: {chosen} came, but CuPy fails: {error}") from error
    cuda.require(chosen, who)


def _automatic(who):
    try:
        chosen = usable("cuda", who)
        reason = "a usable GPU was found"
    except DeviceError as error:
        chosen, reason = CPU, str(error)
    print(f"xdl: {who} 'auto' chose {chosen}: {reason}", file=sys.stderr)
    return chosen
