"""Numbers of 16 bits: an operation computes on them in float32 and rounds once.

float16 ends at 65,504 and counts to 2,048, bfloat16 to 256: sums, squares and means in
them go wrong long before their results would. So ``compute`` and ``gradient`` are given
float32, and know nothing of it; ``call`` and the node of the call see to it here.
"""

from xdl import backend
from xdl.backend import FLOAT32, FLOAT64, NAMESPACES
from xdl.core.node import Part, unbroadcast

NARROW = frozenset({"float16", "bfloat16"})


def is_narrow(array):
    """Tell whether an array, or what stands for one, holds 16-bit floats."""
    dtype = getattr(array, "dtype", None)
    if dtype is None or dtype is FLOAT32 or dtype is FLOAT64:
        return False
    return backend.dtype_name(dtype) in NARROW


def narrow_dtype(op, arrays):
    """Return the 16-bit dtype that the inputs of a call share, or None."""
    roles = op.signature.takes_part
    for i, array in enumerate(arrays):
        dtype = getattr(array, "dtype", None)
        if dtype is None or not roles[min(i, len(roles) - 1)]:
            continue
        if dtype is FLOAT32 or dtype is FLOAT64:  # which all others have, too
            return None
        if backend.dtype_name(dtype) in NARROW:
            return dtype
    return None


def widened(xp, value):
    """Return 16-bit floats as float32, in lists and tuples too; all else as it is."""
    if type(value) in (list, tuple):
        return type(value)([widened(xp, one) for one in value])
    return xp.astype(value, "float32") if is_narrow(value) else value


def rounded(xp, y, dtype):
    """Return a floating result with a 16-bit dtype; integers and booleans stay."""
    if not backend.is_floating(y):
        return y
    with xp.quiet():  # beyond the largest number is inf
        return xp.astype(y, dtype)


class Rounded:
    """The operation of a node whose call had 16-bit inputs.

    Its gradients are computed in float32, summed over what was broadcast, and rounded.

    Args:
        op: the operation.
        dtype: the 16-bit dtype of the call.
        inputs: the inputs of the call.
    """

    def __init__(self, op, dtype, inputs):
        self._op, self._dtype = op, dtype
        self._shapes = [getattr(x, "shape", ()) for x in inputs]

    def gradient(self, xp, gy, *kept):
        """Return the gradients by the inputs, of the call's dtype."""
        gradients = self._op.gradient(xp, widened(xp, gy), *widened(xp, kept))
        return tuple(
            [
                None if gx is None else self._fitted(xp, gx, shape)
                for gx, shape in zip(gradients, self._shapes, strict=True)
            ]
        )

    def _fitted(self, xp, gx, shape):
        if type(gx) is Part:
            return Part(gx.index, rounded(xp, gx.value, self._dtype))
        if tuple(gx.shape) != tuple(shape):
            gx = unbroadcast(xp, gx, shape)
        if not backend.is_floating(gx):  # the parts of one, which are joined later
            return gx
        return rounded(xp, xp.asarray(gx), self._dtype)

    def rewrap(self, node, wrap):
        """Return what ``node`` kept as Variables of the graph, made float32."""

        def wide(array, parent):
            xp = NAMESPACES[type(array)]
            is_output = parent is node and not is_narrow(array)
            given = rounded(xp, array, node.dtype) if is_output else array
            variable = wrap(given, parent)
            variable = widened(NAMESPACES[type(variable)], variable)
            if is_output:
                variable._value = array  # as it was before it was rounded
            return variable

        return self._op.rewrap(node, wide)

    def __getattr__(self, name):
        return getattr(self._op, name)

    def __repr__(self):
        return repr(self._op)
