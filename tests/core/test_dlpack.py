"""DLPack with NumPy: one memory, seen from both sides."""

import ctypes

import numpy as np
import pytest

import xdl
from xdl import DeviceError, DtypeError, GraphError, Variable


def _write(array, number):
    """Write into the first element, which an older NumPy takes for read-only."""
    ctypes.c_float.from_address(array.ctypes.data).value = number


def test_writing_into_what_numpy_took_changes_the_variable():
    x = Variable([1.0, 2.0])

    _write(np.from_dlpack(x), 7.0)

    assert [7.0, 2.0] == x.numpy().tolist()


def test_writing_into_what_numpy_took_after_a_use_is_seen_by_the_backward():
    x = Variable([1.0, 2.0])
    loss = xdl.sum(x * x)

    _write(np.from_dlpack(x), 7.0)

    with pytest.raises(GraphError, match="was changed after"):
        loss.backward()


def test_the_result_of_an_operation_is_refused():
    y = Variable([1.0, 2.0]) * 2

    with pytest.raises(GraphError, match="the result of Multiply.*detach"):
        np.from_dlpack(y)


def test_a_detached_result_is_shared_and_cannot_be_written():
    y = Variable([1.0, 2.0]) * 2

    array = np.from_dlpack(y.detach())

    assert np.shares_memory(array, y.value)
    assert not array.flags.writeable


def test_data_that_was_computed_is_shared():
    y = xdl.exp([0.0, 0.0])

    assert np.shares_memory(np.from_dlpack(y), y.value)


def test_from_dlpack_shares_memory_and_keeps_the_dtype():
    array = np.array([[1, 2], [3, 4]], np.int16)

    x = xdl.from_dlpack(array)
    array[0, 0] = 9

    assert ([[9, 2], [3, 4]], np.int16) == (x.numpy().tolist(), x.dtype)


def test_what_from_dlpack_makes_is_data():
    x = xdl.from_dlpack(np.array([1.0, 2.0]))
    w = Variable([3.0, 4.0])

    y = w * x

    assert not x.trainable
    assert np.float32 == y.dtype


def test_variable_copies_what_comes_by_dlpack():
    array = np.array([1.0, 2.0])

    x = Variable(array)
    array[0] = 9

    assert [1.0, 2.0] == x.numpy().tolist()


@pytest.mark.parametrize("value", [[1.0], 2.0, "text"])
def test_from_dlpack_refuses_what_has_none(value):
    with pytest.raises(DtypeError, match="needed an array with __dlpack__"):
        xdl.from_dlpack(value)


def test_from_dlpack_refuses_complex_numbers():
    with pytest.raises(DtypeError, match="complex128 came"):
        xdl.from_dlpack(np.array([1j]))


class _Elsewhere:
    """An array on a device of its own; DLPack's number for Metal is 8."""

    def __dlpack__(self, **options):
        raise BufferError

    def __dlpack_device__(self):
        return 8, 0


def test_from_dlpack_refuses_another_kind_of_device():
    with pytest.raises(DeviceError, match=r"device \(8, 0\) came"):
        xdl.from_dlpack(_Elsewhere())
