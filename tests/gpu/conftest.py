"""Tests marked ``gpu`` run on a GPU (``pytest -m gpu``), or are skipped without one."""

import pytest

import xdl
from xdl import backend


def _reason():
    try:
        backend.usable("cuda")
    except xdl.DeviceError as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True)
def _on_cuda(request):
    """Make Variables on the GPU in these tests, or skip them with the reason."""
    if "gpu" not in request.keywords:
        yield
        return
    reason = _reason()
    if reason:
        pytest.skip(reason)
    with xdl.use_device("cuda"):
        yield
