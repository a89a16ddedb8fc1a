"""The ONNX name of each operation: a model of one node gives what xdl gives."""

import numpy as np
import pytest

from tests.oracle.operations import operations
from xdl.core.case import Case, Onnx
from xdl.testing import draw_inputs

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

# Of opset 28, ONNX Runtime 1.32 takes a ReduceLogSumExp that overflows.
OPSET = min(27, onnx.defs.onnx_opset_version())
OPERATIONS = [cls for cls in operations() if cls.onnx]
# What one node of ONNX, or ``Onnx``, cannot say.
TOLD_OTHERWISE = {
    "ArgMax-0": "ONNX has no position in the flattened array",
    "ArgMin-0": "ONNX has no position in the flattened array",
    "Reshape-3": "a length 0 copies the input's unless the attribute allowzero is 1",
}


def _marks(name):
    reason = TOLD_OTHERWISE.get(name)
    return [pytest.mark.xfail(reason=reason)] if reason else []


by_name = pytest.mark.parametrize("op_class", OPERATIONS, ids=lambda c: c.__name__)
by_case = pytest.mark.parametrize(
    ("op_class", "case"),
    [
        pytest.param(op_class, case, id=name, marks=_marks(name))
        for op_class in OPERATIONS
        for i, case in enumerate(op_class.cases)
        if isinstance(case, Case) and (name := f"{op_class.__name__}-{i}")
    ],
)


def _called(op_class):
    """Return the operation's ``onnx`` as an ``Onnx``."""
    named = op_class.onnx
    return Onnx(named) if isinstance(named, str) else named


def _node(op, names):
    """Return the node, and the options that ONNX takes as inputs as constants."""
    called = _called(type(op))
    constants = [
        onnx.numpy_helper.from_array(np.atleast_1d(np.int64(getattr(op, name))), name)
        for name in called.inputs
        if getattr(op, name) is not None
    ]
    inputs = names + [constant.name for constant in constants]
    node = onnx.helper.make_node(called.name, inputs, ["y"])
    for theirs, ours in called.attributes.items():
        if getattr(op, ours) is not None:
            node.attribute.append(_attribute(theirs, getattr(op, ours)))
    return node, constants


def _attribute(name, value):
    if isinstance(value, tuple):  # the type of an empty one must be told
        kind = onnx.AttributeProto.INTS
        return onnx.helper.make_attribute(name, value, attr_type=kind)
    value = int(value) if isinstance(value, bool) else value
    return onnx.helper.make_attribute(name, value)


def _model(op, arrays):
    """Return a model of one node, that of the operation."""
    names = [f"x{i}" for i in range(len(arrays))]
    node, constants = _node(op, names)
    given = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in zip(names, arrays, strict=True)
    ]
    result = onnx.ValueInfoProto(name="y")  # its type follows from the node
    graph = onnx.helper.make_graph([node], "one_node", given, [result], constants)
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset])
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


@by_name
def test_name_exists_in_the_newest_opset(op_class):
    name = _called(op_class).name

    schema = onnx.defs.get_schema(name, onnx.defs.onnx_opset_version())

    assert (name, False) == (schema.name, schema.deprecated)


@by_case
def test_model_of_one_node_gives_what_xdl_gives(op_class, case):
    op = op_class(**case.options)
    arrays = draw_inputs(case, "float32")
    expected = op(*arrays).numpy()

    model = _model(op, arrays)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (actual,) = session.run(None, {f"x{i}": a for i, a in enumerate(arrays)})

    assert (expected.shape, expected.dtype) == (actual.shape, actual.dtype)
    np.testing.assert_allclose(actual, expected, 1e-5, 1e-6)
