"""Graph: the computation that led to a Variable, as an object to look at."""

from __future__ import annotations

import math
from typing import Any

from xdl import backend
from xdl.arguments import described, explained
from xdl.core.node import Node, order
from xdl.core.shown import svg
from xdl.core.variable import Variable
from xdl.errors import GraphError
from xdl.typing import ArrayLike, PathLike


class Graph:
    """The computational graph that led to a Variable.

    Args:
        output: the Variable to look back from.
        model: a Module or Parameter, whose names the weights have in pictures, such as
            ``layers/0/weight``; default None: each has the name that it was made with.

    Attributes:
        output: that Variable.
        nodes: the recorded operations, oldest first.
        leaves: the nodes of the trainable Variables, oldest first.

    Raises:
        GraphError: nothing that led to ``output`` is trainable, or the graph was freed
            by a backward.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([[1.0, 2.0], [3.0, 4.0]], name="w")
        >>> loss = xdl.sum(xdl.tanh(xdl.matmul([[1.0, 1.0]], w)))
        >>> graph = xdl.Graph(loss)
        >>> [str(node.op) for node in graph.nodes]
        ['Matmul', 'Tanh', 'Sum']
        >>> graph.parameter_count
        4
        >>> graph.backward()
        >>> w.grad.shape
        (2, 2)
    """

    output: Variable
    nodes: list[Node]
    leaves: list[Node]

    @explained
    def __init__(self, output: Variable, model: object = None) -> None:
        if not isinstance(output, Variable):
            raise GraphError(f"Graph: {described(output)} came, needed a Variable")
        if output._node is None:
            raise GraphError(
                "Graph: nothing that led to the output is trainable, or it was "
                "computed under no_grad"
            )
        self.output = output
        root = output._node
        self.nodes = order(root, object(), "Graph") if root.op is not None else []
        found = {p: None for n in self.nodes for p in n.inputs if p and p.op is None}
        self.leaves = sorted(found or {root: None}, key=lambda node: node.index)
        self._names = _names_in(model)

    def __repr__(self) -> str:
        shape = tuple(self.output.shape)
        return f"<Graph of {self.output._label()} {shape}: {self._counted()}>"

    def _repr_svg_(self):
        """Return the drawing that a notebook shows, or None if it is too large."""
        return svg(*self._parts())

    @property
    def parameter_count(self) -> int:
        """The number of elements in all trainable Variables of the graph."""
        return sum(math.prod(node.shape) for node in self.leaves)

    def backward(
        self,
        grad: ArrayLike | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Compute the gradients; the same as ``output.backward(...)``."""
        self.output.backward(grad, retain_graph, create_graph)

    def summary(self) -> str:
        """Return a text table: operation, shape, dtype, bytes kept and FLOPs of each.

        Bytes count an array that several operations keep once. ``-`` stands where an
        operation's ``flops`` is None because a constant's shape was not kept; so the
        addition of a constant bias is not counted.
        """
        rows = [("operation", "shape", "dtype", "kept bytes", "FLOPs")]
        seen: set[Any] = set()
        for node in self.nodes:
            kept = sum(a.nbytes for a in _arrays(node.kept) if not _seen(a, seen))
            flops = node.op.flops_of(node)
            dtype = backend.dtype_name(node.dtype)
            counted = "-" if flops is None else f"{flops:,}"
            rows.append(
                (str(node.op), str(tuple(node.shape)), dtype, f"{kept:,}", counted)
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 3 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "-" * max(map(len, lines)))
        return "\n".join([*lines, self._counted()])

    def _counted(self):
        counts = f"{len(self.nodes)} operations, {len(self.leaves)} trainable Variables"
        return f"{counts}, {self.parameter_count:,} parameters"

    def draw(self, path: PathLike | None = None) -> PathLike:
        """Draw the graph: weights, operations, and inputs that a gradient needs.

        Args:
            path: where to write. ``.dot`` and ``.mmd`` give the source text; ``.svg``,
                ``.png`` and ``.pdf`` need Graphviz's ``dot`` command; without it they
                become Mermaid text in a ``.mmd`` file beside it. None: write nothing.

        Returns:
            The path that was written; the Mermaid text if ``path`` is None.
        """
        if path is None:
            return self._mermaid()
        import pathlib  # here, for they would take 10 ms of `import xdl`
        import shutil
        import subprocess

        path = pathlib.Path(path)
        form = path.suffix.removeprefix(".") or "svg"
        if form == "dot":
            path.write_text(self._dot())
        elif form != "mmd" and shutil.which("dot"):
            command = ["dot", f"-T{form}", "-o", str(path)]
            subprocess.run(command, input=self._dot(), text=True, check=True)
        else:
            path = path.with_suffix(".mmd")
            path.write_text(self._mermaid())
        return path

    def _parts(self):
        """Return (identifier, label, kind) of all, and the pairs that are connected."""
        inputs: dict[Any, Any] = {}
        arrows = []
        names = {node: f"n{i}" for i, node in enumerate([*self.leaves, *self.nodes])}
        for node in self.nodes:
            given = dict(_given(node))
            for place, parent in enumerate(node.inputs):
                if parent is not None:
                    arrows.append((names[parent], names[node]))
                elif place in given:
                    name, array = given[place]
                    made = (f"x{len(inputs)}", f"{name} {tuple(array.shape)}", "input")
                    # The array too, so that its number stays its own.
                    box, _ = inputs.setdefault(id(array), (made, array))
                    arrows.append((box[0], names[node]))
        boxes = [box for box, _ in inputs.values()]
        boxes += [(names[n], self._label(n), "weight") for n in self.leaves]
        return [
            *boxes,
            *[(names[n], _label(n), "operation") for n in self.nodes],
        ], arrows

    def _label(self, leaf):
        return _label(leaf, self._names.get(id(leaf)) or leaf.name or "variable")

    def _mermaid(self):
        boxes, arrows = self._parts()
        around = {"operation": "[]", "weight": ("([", "])"), "input": ("[/", "/]")}
        lines = ["flowchart TD"]
        for name, label, kind in boxes:
            opening, closing = around[kind]
            lines.append(f'    {name}{opening}"{_unquoted(label)}"{closing}')
        lines += [f"    {source} --> {target}" for source, target in arrows]
        return "\n".join(lines) + "\n"

    def _dot(self):
        boxes, arrows = self._parts()
        lines = ["digraph xdl {", '  node [fontname="Helvetica", fontsize=11];']
        looks = {
            "operation": "shape=box",
            "weight": 'shape=ellipse, style=filled, fillcolor="#dbe9f6"',
            "input": "shape=box, style=dashed",
        }
        for name, label, kind in boxes:
            lines.append(f'  {name} [label="{_unquoted(label)}", {looks[kind]}];')
        lines += [f"  {source} -> {target};" for source, target in arrows]
        return "\n".join([*lines, "}"]) + "\n"


def _names_in(model):
    """Return the names of the Variables of a model, by the numbers of their leaves."""
    if model is None:
        return {}
    store = getattr(model, "parameter", model)
    if not hasattr(store, "items"):
        raise GraphError(f"Graph: {described(model)} came, needed a Module as model")
    return {id(v._node): name for name, v in store.items() if v._node is not None}


def _given(node):
    """Yield (place, (name, array)) of the constant inputs that a node has kept."""
    takes = node.op.signature
    for (kind, which), kept in zip(takes.sources, node.kept, strict=True):
        if kind in ("input", "inputs"):
            items = kept if takes.is_star(which) else (kept,)
            name = takes.inputs[which]
            name = "input" if name.rstrip("12s") == "x" else name
            for place, item in enumerate(items, which):
                if getattr(item, "shape", ()):
                    yield place, (name, item)


def _label(node, name=None):
    return f"{name or node.op} {tuple(node.shape)}"


def _unquoted(label):
    return label.replace('"', "'")


def _arrays(kept):
    for item in kept:
        if isinstance(item, tuple):
            yield from _arrays(item)
        elif hasattr(item, "nbytes"):
            yield item


def _seen(array, seen):
    known = id(array) in seen
    seen.add(id(array))
    return known
