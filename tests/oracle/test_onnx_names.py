"""Each operation in ONNX: a model of one call gives what xdl gives."""

import numpy as np
import pytest

import xdl
from tests.oracle.onnx_counterparts import REFUSED, RUNTIME_DIFFERS
from tests.support.operations import with_cases, with_onnx
from xdl.core.case import Case
from xdl.core.onnx import OnnxGraph
from xdl.testing import draw_inputs

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

# Of opset 28, ONNX Runtime 1.32 takes a ReduceLogSumExp that overflows.
OPSET = min(27, onnx.defs.onnx_opset_version())
TOLD = with_onnx()


def _uses(is_refused):
    return [
        pytest.param(op_class, case, id=name)
        for op_class in TOLD
        for i, case in enumerate(op_class.cases)
        if isinstance(case, Case)
        and ((name := f"{op_class.__name__}-{i}") in REFUSED) is is_refused
    ]


def _written(op, arrays):
    """Return the graph of one call, its inputs and the name of its output."""
    graph = OnnxGraph()
    names = [
        None if a is None else graph.declare(f"x{i}", a.shape, a.dtype.name)
        for i, a in enumerate(arrays)
    ]
    return graph, op.to_onnx(graph, *names)


def _model(graph, arrays, y):
    """Return the model of a graph whose inputs are ``x0``, ``x1``, ..."""
    nodes = [_node(node) for node in graph.nodes]
    constants = [
        onnx.numpy_helper.from_array(np.asarray(value, dtype), name)
        for name, (value, dtype) in graph.constants.items()
    ]
    given = [
        onnx.helper.make_tensor_value_info(name, _kind(array), array.shape)
        for name, array in arrays.items()
    ]
    result = onnx.ValueInfoProto(name=y)  # its type follows from the nodes
    whole = onnx.helper.make_graph(nodes, "one_call", given, [result], constants)
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(whole, opset_imports=[opset])
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def _kind(array):
    return onnx.helper.np_dtype_to_tensor_dtype(array.dtype)


def _node(node):
    made = onnx.helper.make_node(node.op_type, node.inputs, node.outputs)
    for name, value in node.attributes.items():
        # The type of an empty tuple must be told.
        kind = onnx.AttributeProto.INTS if value == () else None
        made.attribute.append(onnx.helper.make_attribute(name, value, attr_type=kind))
    return made


def test_excuses_are_those_of_operations():
    refused = {name.partition("-")[0] for name in REFUSED}

    assert refused <= {cls.__name__ for cls in TOLD}


@pytest.mark.parametrize(("op_class", "case"), _uses(is_refused=False))
def test_model_of_one_call_gives_what_xdl_gives(op_class, case, request):
    if request.node.callspec.id in RUNTIME_DIFFERS:
        pytest.skip(RUNTIME_DIFFERS[request.node.callspec.id])
    op = op_class(**case.options)
    arrays = draw_inputs(case, "float32")
    expected = op(*arrays).numpy()

    graph, y = _written(op, arrays)
    given = {f"x{i}": a for i, a in enumerate(arrays) if a is not None}
    model = _model(graph, given, y)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (actual,) = session.run(None, given)

    assert (expected.shape, expected.dtype) == (actual.shape, actual.dtype)
    np.testing.assert_allclose(actual, expected, 1e-5, 2e-6)


@pytest.mark.parametrize(("op_class", "case"), _uses(is_refused=True))
def test_what_onnx_cannot_say_is_refused(op_class, case):
    op = op_class(**case.options)

    with pytest.raises(xdl.GraphError, match="ONNX"):
        _written(op, draw_inputs(case, "float32"))


@pytest.mark.parametrize(
    "op_class",
    [cls for cls in with_cases() if cls not in TOLD],
    ids=lambda cls: cls.__name__,
)
def test_operation_without_a_counterpart_is_refused(op_class):
    case = next(case for case in op_class.cases if isinstance(case, Case))
    op = op_class(**case.options)

    with pytest.raises(xdl.GraphError, match="ONNX has no operator for it"):
        _written(op, draw_inputs(case, "float32"))
