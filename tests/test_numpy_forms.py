"""NumPy's argument forms on Variables: NumPy's value, or an error of xdl's own."""

import numpy as np
import pytest

from xdl import Variable, XdlError
from xdl.testing import check_gradient

A = np.random.default_rng(0).normal(size=(3, 4))
B = np.abs(A) + 0.5
C = np.random.default_rng(1).normal(size=(2, 3, 4))
I = np.arange(12).reshape(3, 4)  # noqa: E741  (integers)

# By what they do; `a`, `c` and `i` are Variables, or arrays for the expected value.
TAKEN = """
np.clip(a, B, 1)
np.clip(a, -1, [0, 1, 0, 1])
np.clip(a, None, B)
np.clip(a, 0, 1)
np.clip(a, min=0)
np.clip(a, max=B)
np.clip(a, a_min=0, a_max=None)
np.clip(a, 0, 1, out=None)
np.clip(a, np.float64(0), np.array(1))
np.clip(B, a, 1)
np.clip(B, a, a)
np.expand_dims(a, (0, 2))
np.expand_dims(a, [0, -1])
np.expand_dims(a, (1, -4))
np.expand_dims(a, ())
np.pad(a, 1, constant_values=3)
np.pad(a, ((1, 2), (0, 1)))
np.pad(a, np.array([[1, 2], [3, 4]]))
np.sum(a, ())
np.sum(a, axis=np.int64(1))
np.mean(a, ())
np.max(a, ())
np.var(a, ())
np.std(a, correction=1)
np.var(a, ddof=0.5)
np.argmax(a, keepdims=True)
np.argsort(a, None)
np.argsort(a, stable=True)
np.around(a)
np.rint(a)
np.broadcast_to(a[0, 0], 3)
np.concatenate((a, a), axis=None)
np.concatenate([B, a])
np.concatenate(a)
np.stack(a)
np.dot(a, 2)
np.hypot(a, B)
np.dot(c, B.T)
np.matmul(c, B.T)
np.einsum("ij->j", a, optimize=True)
np.einsum("ij,jk", a, B.T)
np.flip(a, ())
np.moveaxis(c, [0, 1], [1, 0])
np.outer(a, B)
np.permute_dims(a)
np.transpose(c, [2, 0, 1])
np.repeat(a, [2], 0)
np.repeat(a, np.array(2))
np.reshape(a, np.array([4, 3]))
np.roll(a, (1, 2), (0, 1))
np.roll(a, 1, (0, 1))
np.split(a, np.array([1, 2]))[2]
np.squeeze(a[None, :, None], (0, 2))
np.take(a, [1], out=None)
np.take(a, 1)
np.take_along_axis(a, np.arange(3), None)
np.tensordot(a, B, axes=([1], [1]))
np.tile(a, np.array([1, 2]))
np.vecdot(a, B, axis=0)
np.linalg.vecdot(a, B, axis=0)
np.where(B > 1, 0, a)
np.add(a, B, where=True)
np.add(a, B, casting="same_kind")
np.arcsin(a / 9)
np.arccos(a / 9)
np.arctan2(a, B)
np.arcsinh(a)
np.arctanh(a / 9)
"""
REFUSED = """
np.clip(a, 0, 1, dtype=np.float32)
np.expand_dims(a, (0, 0))
np.pad(a, 1, constant_values=(1, 2))
np.pad(a, 1, constant_values=((1, 2), (3, 4)))
np.pad(a, 1, constant_values=None)
np.pad(a, 1, "wrap")
np.pad(a, 1, "linear_ramp", end_values=3)
np.pad(a, {0: 1})
np.pad(a, 1.5)
np.sum(a, initial=3.0)
np.sum(a, where=B > 1)
np.sum(a, 1.0)
np.mean(a, dtype=np.float32)
np.var(a, 0, mean=np.zeros((1, 4)))
np.std(a, ddof=1, correction=1)
np.argmax(a, (0, 1))
np.sort(a, kind="heapsort")
np.round(a, 1)
np.around(a, decimals=-1)
np.concatenate([a, a], dtype=np.float32)
np.concatenate([a, a], axis=0.5)
np.cumsum(a, "a")
np.cumulative_sum(a, axis=0, include_initial=True)
np.diagonal(a, 1.5)
np.diff(a, prepend=0)
np.diff(a, n=1.5)
np.matmul(a, B.T, axes=[(0, 1)] * 3)
np.einsum(a, [0, 1], [1])
np.einsum("ij->j", a, dtype=np.float32)
np.transpose(a, 0)
np.ravel(a, "F")
np.reshape(a, (4, 3), "F")
np.take(a, [1], mode="clip")
np.vecdot(a, B, keepdims=True)
np.where(a > 0)
np.add(a, B, where=B > 1)
np.add(a, B, dtype=np.float32)
np.add.reduce(a)
np.add.outer(a, a)
np.size(a, axis=1)
np.power(i, -1)
np.power(i, i - 5)
np.power(2, i - 5)
np.linalg.norm(a)
np.copysign(a, B)
np.vstack([a, a])
"""


def _listed(text):
    return pytest.mark.parametrize("form", text.strip().splitlines())


def _value(form, wrap):
    names = {"np": np, "B": B, "a": wrap(A), "c": wrap(C), "i": wrap(I)}
    return eval(form, names)


@_listed(TAKEN)
def test_a_form_of_numpy_gives_what_numpy_gives(form):
    y = _value(form, Variable)

    expected = _value(form, np.copy)
    assert isinstance(y, Variable)
    assert (expected.shape, expected.dtype) == (y.shape, y.dtype)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)


@_listed(REFUSED)
def test_a_form_that_is_not_taken_is_refused_by_xdl(form):
    with pytest.raises(XdlError):
        _value(form, Variable)


def test_bounds_that_are_variables_get_their_gradients():
    check_gradient(lambda x, low: np.clip(x, low, 0.4), A, B - 1.0)
