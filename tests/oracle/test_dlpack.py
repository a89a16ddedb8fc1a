"""DLPack with PyTorch: one memory, seen from both sides."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

DTYPES = ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_takes_the_memory_of_a_variable(dtype):
    x = xdl.Variable([[1, 0], [2, 1]], dtype=dtype)

    tensor = torch.from_dlpack(x)

    assert x.value.ctypes.data == tensor.data_ptr()
    assert x.numpy().tolist() == tensor.tolist()
    assert dtype == str(tensor.dtype).removeprefix("torch.")


def test_writing_into_the_tensor_changes_the_variable():
    x = xdl.Variable([1.0, 2.0])

    torch.from_dlpack(x)[0] = 7

    assert [7.0, 2.0] == x.numpy().tolist()


def test_writing_into_the_tensor_after_a_use_is_seen_by_the_backward():
    x = xdl.Variable([1.0, 2.0])
    loss = xdl.sum(x * x)

    torch.from_dlpack(x)[0] = 7

    with pytest.raises(xdl.GraphError, match="was changed after"):
        loss.backward()


def test_results_with_a_graph_are_refused_by_both():
    y = xdl.Variable([1.0, 2.0]) * 2
    tensor = torch.tensor([1.0, 2.0], requires_grad=True) * 2

    with pytest.raises(xdl.GraphError, match="detach"):
        torch.from_dlpack(y)
    with pytest.raises(BufferError, match="detach"):
        xdl.from_dlpack(tensor)


def test_torch_takes_the_memory_of_a_detached_result():
    y = xdl.Variable([1.0, 2.0]) * 2

    tensor = torch.from_dlpack(y.detach())

    assert y.value.ctypes.data == tensor.data_ptr()


@pytest.mark.parametrize("dtype", DTYPES)
def test_from_dlpack_takes_the_memory_of_a_tensor(dtype):
    tensor = torch.tensor([[1, 0], [2, 1]], dtype=getattr(torch, dtype))

    x = xdl.from_dlpack(tensor)
    tensor[0, 0] = 0

    assert tensor.data_ptr() == x.value.ctypes.data
    assert tensor.tolist() == x.numpy().tolist()
    assert dtype == x.dtype.name


def test_from_dlpack_keeps_the_strides_of_a_tensor():
    tensor = torch.arange(6.0).reshape(2, 3).T

    x = xdl.from_dlpack(tensor)

    assert (4, 12) == x.value.strides
    assert tensor.tolist() == x.numpy().tolist()


def test_an_operation_takes_a_tensor_without_a_copy():
    tensor = torch.tensor([1.0, 2.0])

    y = xdl.reshape(tensor, (2, 1))

    assert tensor.data_ptr() == y.value.ctypes.data


def test_a_variable_of_a_tensor_is_a_copy():
    tensor = torch.tensor([1.0, 2.0])

    x = xdl.Variable(tensor)
    tensor[0] = 9

    assert [1.0, 2.0] == x.numpy().tolist()


def test_a_dtype_that_numpy_lacks_is_refused():
    with pytest.raises(xdl.DtypeError, match="bfloat16 came"):
        xdl.from_dlpack(torch.ones(2, dtype=torch.bfloat16))


def test_a_tensor_and_a_variable_of_one_memory_train_alike():
    x = xdl.Variable([1.0, 2.0, 3.0])
    tensor = torch.from_dlpack(x).requires_grad_()

    (tensor.square().sum() / 2).backward()
    (xdl.sum(xdl.square(x)) / 2).backward()

    np.testing.assert_array_equal(tensor.grad.numpy(), x.grad)
