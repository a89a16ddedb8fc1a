"""Operators that add up, search or multiply along axes."""

import xdl
from tests.oracle.nodes.call import ints, like, number


def _axes_of(call, x, axes):
    """Return the axes as a tuple, None for all, () for none."""
    given = ints(axes) if axes is not None else call.get("axes")
    if not given:
        return () if call.get("noop_with_empty_axes", 0) else tuple(range(x.ndim))
    return tuple(a % x.ndim for a in given)


def _reduction(function, first=None, last=None):
    """Return the operator that applies ``first``, ``function`` and ``last`` in turn."""

    def reduce(call, x, axes=None):
        along = _axes_of(call, x, axes)
        x = first(x) if first else x
        if along:
            x = function(x, axis=along, keepdims=bool(call.get("keepdims", 1)))
        return last(x) if last else x

    return reduce


def _sum(x, axis, keepdims):
    return xdl.astype(xdl.sum(x, axis, keepdims), x.dtype)


def _prod(x, axis, keepdims):
    return xdl.astype(xdl.prod(x, axis, keepdims), x.dtype)


def _extreme(function, is_max):
    """Return a reduction that knows booleans and empty axes."""

    def reduce(x, axis, keepdims):
        if str(x.dtype) == "bool":
            return (xdl.any if is_max else xdl.all)(x, axis, keepdims)
        if x.size:
            return function(x, axis, keepdims)
        shape = [1 if i in axis else n for i, n in enumerate(x.shape)]
        shape = (
            shape if keepdims else [n for i, n in enumerate(x.shape) if i not in axis]
        )
        return xdl.broadcast_to(like(x, float("-inf" if is_max else "inf")), shape)

    return reduce


def _arg(function):
    def search(call, x):
        axis, keepdims = call.get("axis", 0), bool(call.get("keepdims", 1))
        if not call.get("select_last_index", 0):
            return function(x, axis, keepdims)
        found = function(xdl.flip(x, axis), axis, keepdims)
        return x.shape[axis] - 1 - found

    return search


def _cumulative(function, neutral):
    def scan(call, x, axis):
        along = number(axis) % x.ndim
        x = xdl.flip(x, along) if call.get("reverse", 0) else x
        y = xdl.astype(function(x, along), x.dtype)
        if call.get("exclusive", 0):
            index = (slice(None),) * along
            first = xdl.broadcast_to(like(x, neutral), y[(*index, slice(0, 1))].shape)
            y = xdl.concat([first, y[(*index, slice(0, -1))]], along)
        return xdl.flip(y, along) if call.get("reverse", 0) else y

    return scan


def _softmax(function):
    def along(call, x):
        if call.opset >= 13:
            return function(x, call.get("axis", -1))
        axis = call.get("axis", 1)
        rows = xdl.reshape(x, (*x.shape[:axis], -1))
        return xdl.reshape(function(rows, -1), x.shape)

    return along


def _gemm(call, a, b, c=None):
    a = xdl.matrix_transpose(a) if call.get("transA", 0) else a
    b = xdl.matrix_transpose(b) if call.get("transB", 0) else b
    y = xdl.matmul(a, b) * like(a, call.get("alpha", 1.0))
    return y if c is None else y + c * like(a, call.get("beta", 1.0))


def _einsum(call, *xs):
    return xdl.einsum(call.get("equation").replace(" ", ""), *xs)


def _lp(call, x):
    axis, p = call.get("axis", -1), call.get("p", 2)
    length = xdl.norm(x, axis, keepdims=True, ord=p)
    zero = xdl.equal(length, like(x, 0))
    return xdl.where(zero, like(x, 0), x / xdl.where(zero, like(x, 1), length))


def _logsum(x, axis, keepdims):
    if x.size:
        return xdl.logsumexp(x, axis, keepdims)
    return xdl.log(_sum(xdl.exp(x), axis, keepdims))


OPERATORS = {
    "ArgMax": _arg(xdl.argmax),
    "ArgMin": _arg(xdl.argmin),
    "CumProd": _cumulative(xdl.cumulative_prod, 1),
    "CumSum": _cumulative(xdl.cumulative_sum, 0),
    "Einsum": _einsum,
    "Gemm": _gemm,
    "LogSoftmax": _softmax(xdl.log_softmax),
    "LpNormalization": _lp,
    "MatMul": lambda call, a, b: xdl.matmul(a, b),
    "ReduceL1": _reduction(_sum, xdl.abs),
    "ReduceL2": _reduction(_sum, xdl.square, xdl.sqrt),
    "ReduceLogSum": _reduction(_sum, None, xdl.log),
    "ReduceLogSumExp": _reduction(_logsum),
    "ReduceMax": _reduction(_extreme(xdl.max, True)),
    "ReduceMean": _reduction(xdl.mean),
    "ReduceMin": _reduction(_extreme(xdl.min, False)),
    "ReduceProd": _reduction(_prod),
    "ReduceSum": _reduction(_sum),
    "ReduceSumSquare": _reduction(_sum, xdl.square),
    "Softmax": _softmax(xdl.softmax),
}
