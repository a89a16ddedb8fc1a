"""The computational graph: nodes, and the walk back through them.

A ``Node`` records one call of an operation, a ``Leaf`` stands for a Variable that the
user made. A node holds the nodes that led to it and the
arrays that its gradient needs, never a Variable, so an array that no gradient needs is
freed by reference count as soon as its Variable goes.

``index`` is the moment at which a node was made or, for a leaf, last got its value. A
node is always newer than its inputs; one that is not has an input that was changed
after it was used, and a gradient through it would be wrong.
"""

import itertools
import sys
import weakref
from collections import deque
from operator import attrgetter
from typing import Any

from xdl.backend import NAMESPACES
from xdl.backend.fresh import add_into
from xdl.errors import GraphError

tick = itertools.count(1).__next__
# What a step may have to be given back is copied at its first write, by when the arrays
# that its backward needed are free. There are keepers while a step is compared alone.
keepers: list = []
_AFTER_BACKWARD = {
    "backward": "pass retain_graph=True to the first one",
    "Graph": "make it before that backward, or pass retain_graph=True to that",
}


class Part:
    """The gradient of a part of an array, by itself.

    It is written into the gradient of the whole, which no other part has to be added
    to as an array of zeros of its own.

    Args:
        index: where it belongs.
        value: an array of NumPy's.
    """

    __slots__ = ("index", "value")
    shape, dtype = None, "part"

    def __init__(self, index, value):
        self.index, self.value = index, value


class Node:
    """One recorded call of an operation.

    Attributes:
        op: the operation.
        inputs: the nodes of the operation's inputs, None for those that are constant;
            None once the graph was freed by a backward.
        kept: the arguments for ``op.gradient`` after ``xp`` and ``gy``.
        shape, dtype: of the array that came out.
        index: the moment of this call.
        grad: the sum of the gradients that reached it, an array; None before.
        walk: the last walk over the graph that came by, to know it again.
        place: in debug mode, the user's line.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "grad",
        "index",
        "inputs",
        "kept",
        "op",
        "place",
        "shape",
        "walk",
    )

    op: Any
    inputs: Any
    kept: Any
    shape: tuple[int, ...]
    dtype: Any
    index: int
    grad: Any
    walk: object
    place: Any


class Leaf:
    """A trainable Variable, where a graph begins.

    Args:
        array: what the Variable holds.
        name: that of the Variable, or None.

    Attributes:
        shape, dtype: of the array.
        index: the moment at which it last got its value.
        grad: the sum of the gradients that reached it; None before.
        walk: as of ``Node``.
        written: what ``remember`` keeps where user code may write into the array
            unseen; else empty.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "grad",
        "index",
        "name",
        "shape",
        "walk",
        "written",
    )
    op = None  # no call made it: this tells leaves from nodes
    inputs = ()

    def __init__(self, array, name):
        self.shape, self.dtype = array.shape, array.dtype
        self.index, self.name, self.written = tick(), name, ()
        self.grad = self.walk = None

    @property
    def place(self):
        """The name of the Variable."""
        return self.name


_set_grad = vars(Leaf)["grad"].__set__


def touch(leaf):
    """Note that the array of a leaf has changed."""
    leaf.index = tick()
    leaf.written = ()


def keep():
    """Let every keeper copy what it keeps: the array of a Variable will be written."""
    for keeper in tuple(keepers):
        keeper()


def remember(leaf, array):
    """Keep a copy of a leaf's array, which user code may write into from now on.

    Graphs that used the leaf before compare with it at their backward; later ones use
    what is there then.
    """
    moment, copied = tick(), None
    if leaf.written and leaf.written[0] is array:
        _, copied, before = leaf.written
        if before != moment - 1 and not _is_same(array, copied):
            leaf.index = before  # graphs from before the write are refused
            copied = None
    if copied is None:
        copied = NAMESPACES[type(array)].copy(array)
    leaf.written = (array, copied, moment)


def holders(variable):
    """Count the references to a Variable's node: nodes of a graph hold some."""
    return sys.getrefcount(variable._node)


def order(root, walk, who="backward"):
    """Return the operation nodes that lead to ``root``, oldest first, leaves left out.

    Args:
        root: the node of an operation.
        walk: an object that stands for this walk.
        who: what asks, for the error.

    Raises:
        GraphError: a part of the graph was freed by an earlier backward.
    """
    nodes = [root]
    root.walk = walk
    for node in nodes:  # grows while it is walked
        if node.inputs is None:
            raise GraphError(
                f"{who}: the graph of {node.op} was freed by an earlier backward; "
                + _AFTER_BACKWARD[who]
            )
        for parent in node.inputs:
            if parent is not None and parent.walk is not walk:
                parent.walk = walk
                if parent.op is not None:
                    nodes.append(parent)
    nodes.sort(key=attrgetter("index"))
    return nodes


def backpropagate(root, gy, retain, wrap=None, check=None):
    """Send ``gy`` back from ``root`` to every leaf and add it to the leaves' gradients.

    Nodes are taken newest first, without recursion, and freed as the walk goes unless
    ``retain``. Leaves are written last: an error on the way changes no gradient.

    Args:
        root: the node to start from.
        gy: the gradient there: an array, or a Variable to build a graph of the
            gradients themselves.
        retain: keep the graph for another backward.
        wrap: with a Variable ``gy``: ``wrap(array, node)`` makes a kept array a
            Variable of its node again.
        check: called with each node and its gradients (debug mode).

    Raises:
        GraphError: the graph was freed, or a Variable was changed after its use.
    """
    if root.op is None:
        gy = gy if wrap else NAMESPACES[type(gy)].copy(gy)
        root.grad = gy if root.grad is None else _sum(root.grad, gy, wrap)
        return
    xp = NAMESPACES[type(gy)]
    walk: dict[int, Any] = {}
    nodes = order(root, walk)
    for node in nodes:
        node.grad = None
    root.grad = gy
    try:
        leaves = _walk_back(nodes, walk, xp, retain, wrap, check)
    except BaseException:
        for node in nodes:
            node.grad = None
        raise
    _write_leaves(leaves, xp, wrap)


def _walk_back(nodes, walk, xp, retain, wrap, check):
    """Take the nodes from the newest on; return a dict from leaf to gradient."""
    leaves: dict[Any, Any] = {}
    while nodes:
        node = nodes.pop()
        if (gy := node.grad) is None:
            continue
        if node.walk is not walk:
            raise GraphError("backward: two threads walk back through one graph")
        kept = node.kept if wrap is None else node.op.rewrap(node, wrap)
        try:
            if len(kept) == 2:  # a fixed number of arguments is 0.2 us faster
                gradients = node.op.gradient(xp, gy, kept[0], kept[1])
            else:
                gradients = node.op.gradient(xp, gy, *kept)
        except (FloatingPointError, RuntimeWarning):
            gradients = _quietly(xp, node.op, gy, kept)
        if check is not None:
            check(node, gradients)
        for i, gx in enumerate(gradients):
            if gx is not None and (parent := node.inputs[i]) is not None:
                if parent.index > node.index:
                    raise _changed(parent, node.op)
                if gx.shape != parent.shape:
                    gx = _fitted(xp, gx, parent, leaves, walk, node)
                    if gx is None:
                        continue
                if parent.op is not None:
                    known = parent.grad
                    parent.grad = gx if known is None else _added(xp, known, gx)
                else:
                    if parent.written:
                        _refuse_written(parent, node)
                    if parent in leaves:
                        gx = _added(xp, leaves[parent], gx)
                    elif gx is gy and wrap is None:  # a leaf's gradient is its own
                        gx = xp.copy(gx)
                    leaves[parent] = gx
        if not retain:
            node.inputs = node.kept = None
    return leaves


def _quietly(xp, op, gy, kept):
    with xp.quiet():
        return op.gradient(xp, gy, *kept)


def _fitted(xp, gx, parent, leaves, walk, user):
    """Return a gradient in the shape of its input; None: it was added to one before.

    Args:
        walk: from the ids of nodes to weak references to the arrays, of zeros at first,
            that Parts of their gradients were added to.
    """
    if type(gx) is not Part:
        return unbroadcast(xp, gx, parent.shape)
    if parent.op is None and parent.written:
        _refuse_written(parent, user)
    known = leaves.get(parent) if parent.op is None else parent.grad
    made = walk.get(id(parent))
    is_own = known is not None and made is not None and made() is known
    whole = known if is_own else xp.new_zeros(gx.value, parent.shape)
    with xp.quiet():
        add_into(xp, whole, gx.index, gx.value)
    if is_own:
        return None
    walk[id(parent)] = weakref.ref(whole)
    return whole


def _added(xp, grad, gx):
    try:
        return grad + gx
    except (FloatingPointError, RuntimeWarning):
        with xp.quiet():
            return grad + gx


def _write_leaves(leaves, xp, wrap):
    """Add gradients to those of leaves: in one call of C, which nothing interrupts."""
    new = []
    for node, gx in leaves.items():
        gx = gx if wrap or xp.owns(gx) else xp.copy(gx)
        new.append(gx if node.grad is None else _sum(node.grad, gx, wrap))
    if len(new) == 1:
        node.grad = new[0]
    else:
        deque(map(_set_grad, leaves, new), 0)


def unbroadcast(xp, gx, shape):
    """Sum ``gx`` down to the shape of an input that was broadcast in forward.

    Raises:
        GraphError: ``shape`` does not broadcast to the shape of ``gx``: the operation
            returned a wrong gradient.
    """
    extra = gx.ndim - len(shape)
    padded = (1,) * extra + tuple(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(padded, gx.shape, strict=True)):
        raise GraphError(
            f"backward: a gradient of shape {gx.shape} for an input {shape}"
        )
    axes = tuple(i for i, n in enumerate(padded) if n == 1 and gx.shape[i] != 1)
    if axes:
        try:
            gx = xp.sum(gx, axis=axes, keepdims=True)
        except (FloatingPointError, RuntimeWarning):
            with xp.quiet():
                gx = xp.sum(gx, axis=axes, keepdims=True)
    return xp.reshape(gx, tuple(shape)) if extra else gx


def _named(leaf):
    return f'"{leaf.name}"' if leaf.name else "without a name"


def _changed(leaf, user):
    return GraphError(
        f"backward: Variable {_named(leaf)} {tuple(leaf.shape)} was "
        f"changed after {user} used it and before this backward; call backward "
        "first, or compute the loss again"
    )


def _refuse_written(leaf, user):
    """Refuse a leaf that was written into after a node used it."""
    array, copied, moment = leaf.written
    if user.index < moment:  # what came later used the values that it found
        leaf.written = ()
        if not _is_same(array, copied):
            leaf.index = moment
            raise _changed(leaf, user.op)


def _is_same(array, copied):
    """Tell whether two arrays hold the same numbers, NaN in the same places."""
    xp = NAMESPACES[type(array)]
    return bool(xp.all((array == copied) | ((array != array) & (copied != copied))))


def _sum(grad, gx, wrap):
    """Return a gradient of a leaf with one more in it."""
    # One may be a Variable, and its `add` takes any array.
    xp = NAMESPACES[type(gx if wrap else grad)]
    try:
        return xp.add(grad, gx)
    except (FloatingPointError, RuntimeWarning):
        with xp.quiet():
            return xp.add(grad, gx)
