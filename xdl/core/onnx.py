"""A graph of ONNX as operations write it: names and plain values, without ONNX itself.

What turns it into a model needs the package ``onnx``; what writes it does not.
"""

from typing import NamedTuple

from xdl.errors import GraphError

# ONNX's numbers for dtypes.
_DTYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6}
_DTYPES |= {"int64": 7, "bool": 9, "float16": 10, "float64": 11, "uint32": 12}
_DTYPES |= {"uint64": 13, "bfloat16": 16}
_BEFORE = -(2**31)  # the end of a slice backwards that takes the first element too


class OnnxNode(NamedTuple):
    """A node of a graph.

    Attributes:
        op_type: the name of ONNX's operator.
        inputs: the names of its inputs; "" for one that is left out.
        outputs: the names of its outputs.
        attributes: from their names to ints, floats, strs and tuples of these.
    """

    op_type: str
    inputs: tuple
    outputs: tuple
    attributes: dict


class OnnxGraph:
    """The nodes and constants of a graph of ONNX, in the order of computation.

    Attributes:
        nodes: a list of ``OnnxNode``.
        constants: from a name to a pair: numbers, in nested lists, and a dtype's name.

    Example:
        >>> from xdl.core.onnx import OnnxGraph
        >>> from xdl.ops.elementwise.selection import Clip
        >>> graph = OnnxGraph()
        >>> x = graph.declare("x", (2, 3), "float32")
        >>> y = Clip(max=6.0).to_onnx(graph, x)
        >>> graph.nodes[0].op_type, graph.nodes[0].inputs
        ('Clip', ('x', '', 'constant_0'))
        >>> graph.constants
        {'constant_0': (6.0, 'float32')}
    """

    def __init__(self):
        self.nodes = []
        self.constants = {}
        self._known = {}
        self._count = 0

    def declare(self, name, shape, dtype):
        """Note the shape and dtype of an array, an input or a result; return its name.

        Args:
            name: a str.
            shape: a tuple of ints.
            dtype: the dtype's name.
        """
        self._known[name] = (tuple(shape), dtype)
        return name

    def shape(self, name):
        """Return the shape of an array that was declared."""
        return self._known[name][0]

    def dtype(self, name):
        """Return the name of the dtype of an array that was declared."""
        return self._known[name][1]

    def add(self, op_type, *inputs, outputs=1, **attributes):
        """Add a node.

        Args:
            op_type: the name of ONNX's operator.
            *inputs: names; None for one that is left out.
            outputs: how many outputs the node has.
            **attributes: those that are None are left out; booleans become integers.

        Returns:
            The name of the output, or a tuple of names for several.
        """
        given = list(inputs)
        while given and given[-1] is None:
            given.pop()
        names = tuple(self._fresh(op_type.lower()) for _ in range(outputs))
        attributes = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in attributes.items()
            if value is not None
        }
        listed = tuple("" if name is None else name for name in given)
        self.nodes.append(OnnxNode(op_type, listed, names, attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value, dtype):
        """Add a constant, a number or nested lists of numbers; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = (value, dtype)
        return name

    def number(self, value, like):
        """Add a number of the dtype of the array ``like``, None for None."""
        return None if value is None else self.constant(value, self.dtype(like))

    def integers(self, value):
        """Add an int or several as a list of int64, None for None."""
        if value is None:
            return None
        return self.constant([value] if isinstance(value, int) else [*value], "int64")

    def cast(self, x, dtype):
        """Convert to a dtype, by its name; return the name of the result."""
        return self.add("Cast", x, to=_DTYPES[dtype])

    def condition(self, x):
        """Convert to booleans what is true or false; return its name, None for None."""
        is_known = x is None or self.dtype(x) == "bool"
        return x if is_known else self.cast(x, "bool")

    def slice(self, x, slices):
        """Take slices along axes; return the name of the result.

        Args:
            x: the name of an array that was declared.
            slices: from an axis, 0 or more, to its ``slice``.
        """
        shape, listed = self.shape(x), []
        for axis, part in slices.items():
            start, stop, step = part.indices(shape[axis])
            listed.append((start, _BEFORE if stop < 0 else stop, axis, step))
        if not listed:
            return self.add("Identity", x)
        return self.add("Slice", x, *map(self.integers, zip(*listed, strict=True)))

    def add_as(self, op, called, inputs):
        """Add an operation as one node.

        Args:
            op: the operation.
            called: the name of ONNX's operator, or an ``Onnx``.
            inputs: the names of the inputs.

        Returns:
            The name of the output.

        Raises:
            GraphError: ``called`` is None.
        """
        if called is None:
            raise GraphError(f"{op}: ONNX has no operator for it")
        if isinstance(called, str):
            return self.add(called, *inputs)
        attributes = {n: getattr(op, ours) for n, ours in called.attributes.items()}
        further = [self.integers(getattr(op, name)) for name in called.inputs]
        further += [self.number(getattr(op, n), inputs[0]) for n in called.numbers]
        return self.add(called.name, *inputs, *further, **attributes, **called.fixed)

    def _fresh(self, stem):
        self._count += 1
        return f"{stem}_{self._count - 1}"
