"""Functions of functions: gradients by arguments, and less memory for more work.

They leave the ``grad`` of every Variable as it was: a gradient is a result here.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable
from typing import Any, cast

from xdl import backend
from xdl.arguments import Function, explained, refuse_uncallable
from xdl.backend import NAMESPACES, random
from xdl.core import mode
from xdl.core.debug import user_line
from xdl.core.node import Leaf, Node, order, tick
from xdl.core.op import Op
from xdl.core.parameter import Parameter
from xdl.core.precision import as_now
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError, GraphError, ShapeError
from xdl.typing import ArrayLike


@explained
def gradient(
    function: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    create_graph: bool = False,
) -> Callable[..., Any]:
    """Return the function that computes the gradient of a function.

    Args:
        function: takes Variables, returns a Variable of one element.
        argnums: the position of the argument to differentiate by, or a tuple of them.
            It may be a number, an array, a Variable, a Parameter or a Module.
        create_graph: return Variables with a graph, to be differentiated again.

    Returns:
        A function of the same arguments. It returns an array of the argument's shape,
        or a dict from names to arrays for a Parameter or Module; zeros where nothing
        depends on it; a tuple of such for a tuple of positions.

    Raises:
        GraphError: the function's result is no Variable.
        ShapeError: its result has not one element.
        DtypeError: an argument to differentiate by holds no floating numbers.
        ArgumentError: there is no such argument.

    Example:
        >>> import xdl
        >>> xdl.gradient(lambda x: xdl.sum(x**2))([1.0, 2.0])
        array([2., 4.], dtype=float32)
        >>> second = xdl.gradient(xdl.gradient(lambda x: x**3, create_graph=True))
        >>> second(2.0)
        array(12., dtype=float32)
    """
    both = value_and_gradient(function, argnums, create_graph)

    @functools.wraps(function, updated=())
    def gradient_of(*inputs, **options):
        return both(*inputs, **options)[1]

    return gradient_of


@explained
def value_and_gradient(
    function: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    create_graph: bool = False,
) -> Callable[..., tuple[Any, Any]]:
    """Return the function that computes the value and the gradient of a function.

    Arguments and errors are those of ``gradient``.

    Returns:
        A function of the same arguments, which returns the pair (value, gradient).

    Example:
        >>> import xdl
        >>> model = xdl.models.LinearModel(2, 3)
        >>> def loss(model, x, target):
        ...     return xdl.softmax_cross_entropy(model(x), target)
        >>> value, by_name = xdl.value_and_gradient(loss)(model, [[1.0, 2.0]], [0])
        >>> by_name["weight"].shape, model.W.grad is None
        ((2, 3), True)
    """
    refuse_uncallable("gradient", function)
    positions = argnums if isinstance(argnums, tuple) else (argnums,)

    @functools.wraps(function, updated=())
    def value_and_gradient_of(*inputs, **options):
        start, given = tick(), list(inputs)
        entries = {}
        for p in positions:
            entries[p] = _Entry(_argument(inputs, p), p, create_graph)
            given[p] = entries[p].inside
        with mode.enable_grad():
            output = _checked(function(*given, **options), "gradient")
        if output.size != 1:
            raise ShapeError(
                f"gradient: the function returned shape {output.shape}, needed one "
                "element"
            )
        nodes = [node for entry in entries.values() for node in entry.nodes]
        found = _gradients(output, nodes, start, None, create_graph)
        results = tuple(entries[p].result(found) for p in positions)
        array = output._value
        value = output if create_graph else NAMESPACES[type(array)].copy(array)
        return value, results if isinstance(argnums, tuple) else results[0]

    return value_and_gradient_of


@explained
def hessian_vector_product(
    function: Callable[..., Any],
    x: ArrayLike,
    v: ArrayLike,
) -> Any:
    """Multiply the matrix of a function's second derivatives with a vector.

    The matrix is never made: it costs about two gradients.

    Args:
        function: takes a Variable, returns a Variable of one element.
        x: where to differentiate: an array or a Variable.
        v: the vector, an array of the shape of ``x``.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ShapeError: ``v`` has another shape than ``x``.
        GraphError, DtypeError: as for ``gradient``.

    Example:
        >>> import xdl
        >>> xdl.hessian_vector_product(lambda x: xdl.sum(x**3), [1.0, 2.0], [1.0, 1.0])
        array([ 6., 12.], dtype=float32)

    Reference: Pearlmutter, "Fast Exact Multiplication by the Hessian", 1994.
    """
    start = tick()
    entry = _Entry(x, 0, create_graph=False)
    vector = v._value if isinstance(v, Variable) else backend.asarray(v)
    if vector.shape != entry.inside.shape:
        raise ShapeError(
            f"hessian_vector_product: v has shape {vector.shape}, needed that of x, "
            f"{entry.inside.shape}"
        )
    slope = gradient(function, create_graph=True)(entry.inside)
    return entry.result(_gradients(slope, entry.nodes, start, vector, False))


@explained
def recompute(function: Function) -> Function:
    """Return the same function, which remembers its arguments alone for a backward.

    What it computes on the way is freed at once and computed again when a backward
    arrives: less memory, for one more forward. Random draws are repeated, so that a
    dropout drops the same; other effects of the function happen twice.

    Args:
        function: takes Variables and anything else, returns a Variable. It may use
            trainable Variables that are no arguments, such as a Module's weights, but
            no results that were computed from these outside.

    Returns:
        A function of the same arguments. Derivatives of any order flow through it.

    Raises:
        GraphError: when it is called: its result is no Variable, or it uses a result
            that was computed outside; pass that as a positional argument.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> block = xdl.recompute(lambda x: xdl.exp(xdl.tanh(x * w)))
        >>> xdl.sum(block(xdl.Variable([0.0, 0.0]))).backward()
        >>> w.grad
        array([0., 0.], dtype=float32)

    Reference: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.
    """

    refuse_uncallable("recompute", function)

    @functools.wraps(function, updated=())
    def recomputed(*inputs, **options):
        if not (mode.current() or mode.Mode()).records:
            return function(*inputs, **options)
        return _Recomputed(function, inputs, options).output(inputs)

    return cast(Function, recomputed)


class _Argument(Op):
    """Where a Variable enters a function: the same values, a node of its own."""

    def compute(self, xp, x):
        return x

    def gradient(self, xp, gy):
        return (gy,)


def _entered(variable):
    """Return a Variable whose node hangs on nothing yet, so that a walk ends there."""
    array = variable._value
    return Variable._of(array, _node(_Argument(), (None,), (), array))


def _node(op, inputs, kept, array):
    node: Any = Node()
    node.op, node.inputs, node.kept = op, inputs, kept
    node.shape, node.dtype, node.index = array.shape, array.dtype, tick()
    node.grad = node.walk = None
    return node


class _Entry:
    """An argument to differentiate by: what the function is given, and its nodes."""

    def __init__(self, given, position, create_graph):
        self.names: list[str] | None = None
        self.parent: Any = None
        self.create_graph = create_graph
        store = getattr(given, "parameter", given)
        if isinstance(store, Parameter):
            named = {name: v for name, v in store.items() if v.trainable}
            self.inside, self.names = given, list(named)
            self.variables = list(named.values())
        else:
            self.inside = self._stand_in(given, position, create_graph)
            self.variables = [self.inside]
        self.nodes: list[Any] = [variable._node for variable in self.variables]

    def _stand_in(self, given, position, create_graph):
        is_variable = isinstance(given, Variable)
        array = given._value if is_variable else backend.asarray(given)
        if not backend.is_floating(array):
            raise DtypeError(
                f"gradient: argument {position} is {backend.dtype_name(array.dtype)}, "
                "needed floating numbers"
            )
        if create_graph and is_variable and given.trainable:
            self.parent = given._node
            return _entered(given)
        return Variable._of(array, Leaf(array, given.name if is_variable else None))

    def result(self, found):
        """Return the gradients of its nodes; attach it to where it came from."""
        if self.parent is not None:
            self.nodes[0].inputs = (self.parent,)
        pairs = [(v, found[v._node]) for v in self.variables]
        gradients = [self._zeros_like(v) if g is None else g for v, g in pairs]
        if self.names is None:
            return gradients[0]
        return dict(zip(self.names, gradients, strict=True))

    def _zeros_like(self, variable):
        array = variable._value
        zeros = NAMESPACES[type(array)].new_zeros(array, array.shape)
        return Variable._of(zeros) if self.create_graph else zeros


class _Recomputed:
    """One call of a function that is computed again: what its node asks of an Op."""

    def __init__(self, function, inputs, options):
        self.function, self.options = function, options
        self.draws, self.precisely = random.state(), as_now()
        self.is_tracked = [isinstance(v, Variable) and v.trainable for v in inputs]
        pairs = zip(inputs, self.is_tracked, strict=True)
        self.inputs = [None if is_tracked else v for v, is_tracked in pairs]

    def __repr__(self):
        return f"Recomputed({getattr(self.function, '__name__', self.function)})"

    def flops_of(self, node):
        """Return None: the function's operations were not kept."""

    def output(self, inputs):
        """Call the function, forget its graph, and return its result on one node."""
        start = tick()
        tracked = list(itertools.compress(inputs, self.is_tracked))
        inside = [Variable._of(v._value, Leaf(v._value, v.name)) for v in tracked]
        result = _checked(self._call(inside), "recompute")
        if result._node is None:
            return result
        own = {variable._node for variable in inside}
        self.outer = [n for n in _borders(result._node, start) if n not in own]
        parents = (*(variable._node for variable in tracked), *self.outer)
        kept = (tuple(variable._value for variable in tracked),)
        node = _node(self, parents, kept, result._value)
        if (mode.current() or mode.Mode()).checks:
            node.place = user_line()
        return Variable._of(result._value, node)

    def _call(self, inside):
        given = iter(inside)
        pairs = zip(self.inputs, self.is_tracked, strict=True)
        inputs = [next(given) if is_tracked else v for v, is_tracked in pairs]
        return self.function(*inputs, **self.options)

    def rewrap(self, node, wrap):
        """Return the kept arrays as Variables of the graph that led to the call."""
        (arrays,) = node.kept
        return [tuple(map(wrap, arrays, node.inputs))]

    def gradient(self, xp, gy, inputs):
        """Compute the function again, and send ``gy`` back through it."""
        create_graph = isinstance(gy, Variable)
        start = tick()
        if create_graph:
            inside = [_entered(variable) for variable in inputs]
        else:
            inside = [Variable._of(array, Leaf(array, None)) for array in inputs]
        with mode.enable_grad(), self.precisely, _same_draws(self.draws):
            output = self._call(inside)
        nodes = [*(variable._node for variable in inside), *self.outer]
        found = _gradients(output, nodes, start, gy, create_graph)
        if create_graph:
            for variable, given in zip(inside, inputs, strict=True):
                variable._node.inputs = (given._node,)
        return tuple(found[node] for node in nodes)


def _borders(root, start):
    """Return the trainable Variables that led to ``root``, as nodes.

    Raises:
        GraphError: a result that was computed before ``start`` did.
    """
    found: dict[Any, Any] = {}
    waiting = [root]
    seen = {root}
    for node in waiting:  # grows while it is walked
        if node.op is None:
            found[node] = None
        elif node.index < start:
            raise GraphError(
                f"recompute: the function uses a result of {node.op} {node.shape} that "
                "was computed outside; pass it as a positional argument"
            )
        else:
            new = {n for n in node.inputs if n is not None} - seen
            seen |= new
            waiting += new
    return sorted(found, key=lambda node: node.index)


def _gradients(output, nodes, start, seed, create_graph):
    """Return a dict from nodes to the gradients of ``output`` by them, or None.

    No node has another ``grad`` afterwards than before. The graph is freed unless
    parts of it are older than ``start``, and so not ours.
    """
    root = output._node
    if root is None:
        return dict.fromkeys(nodes)
    walked = [root] if root.op is None else order(root, object())
    known = {n: None for node in walked for n in (node, *node.inputs) if n is not None}
    before = {node: node.grad for node in known}
    for node in known:
        node.grad = None
    try:
        output.backward(seed, walked[0].index < start, create_graph)
        return {n: _whole(n.grad) if n in before else None for n in nodes}
    finally:
        for node, grad in before.items():
            node.grad = grad


def _whole(grad):
    if grad is None or isinstance(grad, Variable):
        return grad
    return NAMESPACES[type(grad)].asarray(grad)  # NumPy's scalars too


def _argument(inputs, position):
    if not isinstance(position, int) or isinstance(position, bool):
        raise ArgumentError(f"gradient: argnums {position!r} came, needed ints")
    if not 0 <= position < len(inputs):
        raise ArgumentError(
            f"gradient: argnums {position} came, but there are {len(inputs)} "
            "positional arguments"
        )
    return inputs[position]


def _checked(output, who):
    if not isinstance(output, Variable):
        came = type(output).__name__
        raise GraphError(f"{who}: the function returned a {came}, needed a Variable")
    return output


@contextlib.contextmanager
def _same_draws(state):
    """Draw the random numbers that followed a state once more."""
    now = random.state()
    random.restore(state)
    try:
        yield
    finally:
        random.restore(now)
