"""ONNX's tests of its operators: each run through xdl's operations."""

import collections
import functools

import numpy as np
import pytest

from tests.oracle.nodes.call import LeftOut
from tests.oracle.onnx_run import expected, node_tests, outputs

TESTS = node_tests()
LEFT_OUT = {
    "ai.onnx.ml is not of networks": 4,
    "an older version of the operator": 1,
    "few of xdl's operations take bfloat16": 21,
    "interpolate aligns the corners of whole lengths alone": 1,
    "interpolate has no antialiasing": 6,
    "interpolate has no such mode or coordinates": 18,
    "interpolate keeps the first two axes alone": 10,
    "interpolate puts a single element in the middle, not first": 1,
    "it computes nothing": 14,
    "its result is drawn": 6,
    "test_optimizers_onnx.py compares it": 7,
    "the shape of its result depends on values": 7,
    "what ceil_mode adds counts neither as padding nor as data": 1,
    "what is dropped is drawn": 4,
    "xdl counts no words": 7,
    "xdl has no Fourier transform": 13,
    "xdl has no arrays of float4e2m1": 14,
    "xdl has no arrays of float8e4m3fn": 22,
    "xdl has no arrays of float8e4m3fnuz": 18,
    "xdl has no arrays of float8e5m2": 20,
    "xdl has no arrays of float8e5m2fnuz": 18,
    "xdl has no arrays of float8e8m0": 4,
    "xdl has no arrays of int2": 17,
    "xdl has no arrays of int4": 17,
    "xdl has no arrays of string": 26,
    "xdl has no arrays of uint2": 17,
    "xdl has no arrays of uint4": 17,
    "xdl has no determinant": 2,
    "xdl has no operation on bits": 53,
    "xdl has no pooling of volumes": 11,
    "xdl has no pooling with gaps in the window": 3,
    "xdl has no quantized numbers": 29,
    "xdl has no such operation on images": 49,
    "xdl has no transposed convolution of volumes": 1,
    "xdl refuses a clip whose min is above its max": 1,
    "xdl refuses an index that is out of range": 1,
    "xdl resets after the product, as PyTorch does": 6,
    "xdl's attention takes no program for its scores": 11,
    "xdl's cells have no peepholes": 1,
    "xdl's pooling tells no positions of the largest elements": 2,
    "xdl's values are arrays, not sequences or options": 34,
}


@functools.cache
def computed(name):
    """Return the outputs of a test, or why it is left out, a str."""
    try:
        return outputs(TESTS[name])
    except LeftOut as reason:
        return str(reason)


@pytest.mark.parametrize("name", TESTS)
def test_node_gives_what_onnx_stores(name):
    actual = computed(name)
    if isinstance(actual, str):
        pytest.skip(actual)

    for ours, theirs in zip(actual, expected(TESTS[name]), strict=True):
        assert (theirs.shape, theirs.dtype) == (ours.shape, ours.dtype)
        rtol, atol = (1e-5, 1e-6) if theirs.dtype.itemsize > 2 else (2e-3, 1e-3)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def test_every_node_test_is_compared_or_left_out_for_a_stated_reason():
    found = map(computed, TESTS)
    reasons = collections.Counter(y for y in found if isinstance(y, str))

    assert LEFT_OUT == dict(reasons)
    assert len(TESTS) - reasons.total() >= 1191
