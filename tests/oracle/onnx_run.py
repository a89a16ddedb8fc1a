"""Runs a model of ONNX with xdl's operations, node by node."""

import functools
import warnings

import numpy as np
import pytest

from tests.oracle.nodes import arrange, control, elementwise, network, reduce, sequence
from tests.oracle.nodes.call import Call, LeftOut, data

onnx = pytest.importorskip("onnx", reason="onnx is not installed")

_BITS = "xdl has no operation on bits"
_OPTIONS = "xdl's values are arrays, not sequences or options"
_DRAWN = "its result is drawn"
_IMAGES = "xdl has no such operation on images"
_QUANTIZED = "xdl has no quantized numbers"
_SIGNALS = "xdl has no Fourier transform"
_VALUES = "the shape of its result depends on values"
WITHOUT = {
    "Adagrad": "test_optimizers_onnx.py compares it",
    "Adam": "test_optimizers_onnx.py compares it",
    "Bernoulli": _DRAWN,
    "BitCast": _BITS,
    "BitShift": _BITS,
    "BitwiseAnd": _BITS,
    "BitwiseNot": _BITS,
    "BitwiseOr": _BITS,
    "BitwiseXor": _BITS,
    "Col2Im": _IMAGES,
    "ConvInteger": _QUANTIZED,
    "DFT": _SIGNALS,
    "DeformConv": _IMAGES,
    "DequantizeLinear": _QUANTIZED,
    "Det": "xdl has no determinant",
    "DynamicQuantizeLinear": _QUANTIZED,
    "FlexAttention": "xdl's attention takes no program for its scores",
    "GridSample": _IMAGES,
    "ImageDecoder": _IMAGES,
    "MatMulInteger": _QUANTIZED,
    "MelWeightMatrix": _SIGNALS,
    "Momentum": "test_optimizers_onnx.py compares it",
    "NonMaxSuppression": _IMAGES,
    "NonZero": _VALUES,
    "OptionalGetElement": _OPTIONS,
    "OptionalHasElement": _OPTIONS,
    "QLinearConv": _QUANTIZED,
    "QLinearMatMul": _QUANTIZED,
    "QuantizeLinear": _QUANTIZED,
    "RandomUniformLike": _DRAWN,
    "RoiAlign": _IMAGES,
    "STFT": _SIGNALS,
    "TfIdfVectorizer": "xdl counts no words",
    "Unique": _VALUES,
}
CLASSIC = "ai.onnx.ml is not of networks"
PARTS = (elementwise, arrange, reduce, network, sequence, control)
OPERATORS = {name: f for part in PARTS for name, f in part.OPERATORS.items()}


@functools.cache
def node_tests():
    """Return ONNX's tests of its operators by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it computes all outputs here
        return {case.name: case for case in collect_testcases(None)}


def expected(case):
    """Return the outputs that ONNX stores with a test."""
    ((_, found),) = case.data_sets
    return [np.asarray(_array(value)) for value in found]


def outputs(case):
    """Return the outputs of a test's model by xdl, NumPy's arrays.

    Raises:
        LeftOut: xdl has no way to say it.
    """
    graph = case.model.graph
    _refuse_types(graph)
    if {node.op_type for node in graph.node} <= {"Constant", "Shape", "Size"}:
        raise LeftOut("it computes nothing")
    opset = {entry.domain: entry.version for entry in case.model.opset_import}.get(
        "", 0
    )
    ((inputs, _),) = case.data_sets
    found = _run(opset, {}, graph, [data(_array(x)) for x in inputs])
    return [value.numpy() for value in found]


def _array(value):
    return onnx.numpy_helper.to_array(value) if hasattr(value, "raw_data") else value


_CASTS = {"Cast", "CastLike"}


def _refuse_types(graph):
    for value in (*graph.input, *graph.output):
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            raise LeftOut(_OPTIONS)
        dtype = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
        dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
        if dtype not in elementwise.KNOWN:
            raise LeftOut(f"xdl has no arrays of {dtype}")
        if dtype == "bfloat16" and {n.op_type for n in graph.node} - _CASTS:
            raise LeftOut("few of xdl's operations take bfloat16")


def _run(opset, outer, graph, inputs):
    """Return the outputs of a graph that sees the values of the one around it."""
    values = {"": None, **outer}
    for tensor in graph.initializer:
        values[tensor.name] = data(onnx.numpy_helper.to_array(tensor))
    names = [value.name for value in graph.input]
    values |= zip(names, inputs, strict=False)
    for node in graph.node:
        if node.op_type not in OPERATORS:
            is_classic = node.domain == "ai.onnx.ml"
            raise LeftOut(CLASSIC if is_classic else WITHOUT[node.op_type])
        call = Call(
            node.op_type,
            {a.name: _option(a) for a in node.attribute},
            opset,
            len(node.output),
            functools.partial(_run, opset, values),
        )
        given = [values[name] for name in node.input]
        found = OPERATORS[node.op_type](call, *given)
        found = found if isinstance(found, list | tuple) else [found]
        values |= zip(node.output, found, strict=False)
    return [values[value.name] for value in graph.output]


def _option(attribute):
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    return value
