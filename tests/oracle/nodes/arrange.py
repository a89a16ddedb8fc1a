"""Operators that move elements, pick some, or make arrays."""

import math

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut, data, ints, like, number


def _axes(call, given=None):
    return ints(given) if given is not None else call.get("axes")


def _squeeze(call, x, axes=None):
    axes = _axes(call, axes)
    if axes is None:
        axes = [i for i, n in enumerate(x.shape) if n == 1]
    return xdl.squeeze(x, tuple(axes))


def _unsqueeze(call, x, axes=None):
    axes = _axes(call, axes)
    count = x.ndim + len(axes)
    for axis in sorted(a % count for a in axes):
        x = xdl.expand_dims(x, axis)
    return x


def _reshape(call, x, shape):
    wanted = ints(shape)
    if not call.get("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if -1 in wanted:  # no number says what is missing where the others are 0
        known = math.prod(n for n in wanted if n != -1)
        wanted = [x.size // max(known, 1) if n == -1 else n for n in wanted]
    return xdl.reshape(x, tuple(wanted))


def _flatten(call, x):
    axis = call.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return xdl.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def _slice(call, x, starts=None, ends=None, axes=None, steps=None):
    starts = ints(starts) if starts is not None else call.get("starts")
    ends = ints(ends) if ends is not None else call.get("ends")
    axes = _axes(call, axes) or range(len(starts))
    steps = ints(steps) or [1] * len(starts)
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        n = x.shape[axis]
        low = -1 if step < 0 else 0
        begin = min(max(start + n if start < 0 else start, 0), n + min(low, 0))
        stop = end + n if end < 0 else end
        stop = min(max(stop, low), n)
        index[axis] = slice(begin, None if stop < 0 else stop, step)
    return x[tuple(index)]


def _split(call, x, sizes=None):
    axis = call.get("axis", 0)
    sizes = ints(sizes) if sizes is not None else call.get("split")
    n = x.shape[axis]
    if sizes is None:
        count = call.get("num_outputs") or call.outputs
        each = -(-n // count)
        sizes = [min(each, n - i * each) for i in range(count)]
    ends = np.cumsum(sizes)[:-1].tolist()
    return list(xdl.split(x, ends, axis))


def _counted(indices, n):
    """Return indices that may count from the end as indices from the start."""
    return xdl.where(xdl.less(indices, like(indices, 0)), indices + n, indices)


def _gather(call, x, indices):
    axis = call.get("axis", 0)
    return xdl.take(x, _counted(indices, x.shape[axis]), axis)


def _gather_elements(call, x, indices):
    axis = call.get("axis", 0)
    return xdl.take_along_axis(x, *_for_axis(x, indices, axis))


def _for_axis(x, indices, axis):
    return _counted(indices, x.shape[axis]), axis


def _gather_nd(call, x, indices):
    batch = call.get("batch_dims", 0)
    parts = [indices[..., i] for i in range(indices.shape[-1])]
    grid = np.indices(parts[0].shape)[:batch]
    return x[(*map(data, grid), *parts)]


_REDUCTIONS = {"add": xdl.add, "mul": xdl.multiply}
_REDUCTIONS |= {"max": xdl.maximum, "min": xdl.minimum}


def _positions(x, indices, axis):
    """Return the index of every element that ``indices`` names along an axis."""
    grid = list(map(data, np.indices(indices.shape)))
    grid[axis] = _counted(indices, x.shape[axis])
    return tuple(grid)


def _scatter(x, index, values, reduction):
    if reduction == "none":
        return xdl.index_update(x, index, values)
    if reduction == "add":
        return xdl.index_add(x, index, values)
    for i in np.ndindex(values.shape):  # an element may be named several times
        place = tuple(part[i] for part in index)
        found = _REDUCTIONS[reduction](x[place], values[i])
        x = xdl.index_update(x, place, found)
    return x


def _scatter_elements(call, x, indices, updates):
    index = _positions(x, indices, call.get("axis", 0) % x.ndim)
    return _scatter(x, index, updates, call.get("reduction", "none"))


def _scatter_nd(call, x, indices, updates):
    parts = tuple(indices[..., i] for i in range(indices.shape[-1]))
    parts = tuple(_counted(p, x.shape[i]) for i, p in enumerate(parts))
    reduction = call.get("reduction", "none")
    if reduction in ("none", "add"):
        return _scatter(x, parts, updates, reduction)
    for i in np.ndindex(parts[0].shape):
        place = tuple(part[i] for part in parts)
        found = _REDUCTIONS[reduction](x[place], updates[i])
        x = xdl.index_update(x, place, found)
    return x


def _tensor_scatter(call, past, update, indices=None):
    axis = call.get("axis", -2) % past.ndim
    n, length = past.shape[axis], update.shape[axis]
    starts = ints(indices) if indices is not None else [0] * past.shape[0]
    rows = []
    for i, start in enumerate(starts):
        places = np.arange(start, start + length)
        places = places % n if call.get("mode", "linear") == "circular" else places
        index = (slice(None),) * (axis - 1) + (data(places),)
        rows.append(xdl.index_update(past[i], index, update[i]))
    return xdl.stack(rows)


def _compress(call, x, condition):
    axis = call.get("axis")
    x, axis = (xdl.flatten(x), 0) if axis is None else (x, axis % x.ndim)
    chosen = condition.numpy()
    index = np.flatnonzero(chosen[: x.shape[axis]])
    return xdl.take(x, data(index), axis)


def _pad(call, x, widths=None, value=None, axes=None):
    pairs = ints(widths) if widths is not None else call.get("pads")
    axes = [a % x.ndim for a in ints(axes)] if axes is not None else range(x.ndim)
    half = len(pairs) // 2
    all_pairs = [(0, 0)] * x.ndim
    for axis, before, after in zip(axes, pairs[:half], pairs[half:], strict=True):
        all_pairs[axis] = (before, after)
    mode = call.get("mode", "constant")
    if mode == "wrap":
        return _wrapped(x, all_pairs)
    number_given = number(value) if value is not None else call.get("value", 0)
    cut = tuple(
        slice(max(-b, 0), n - max(-a, 0))
        for (b, a), n in zip(all_pairs, x.shape, strict=True)
    )
    grown = [(max(b, 0), max(a, 0)) for b, a in all_pairs]
    if mode != "constant":
        return xdl.pad(x[cut], grown, mode)
    return xdl.pad(x[cut], grown, value=number_given)


def _wrapped(x, pairs):
    for axis, (before, after) in enumerate(pairs):
        places = np.arange(-before, x.shape[axis] + after) % x.shape[axis]
        x = xdl.take(x, data(places), axis)
    return x


def _center(call, x, shape):
    axes = call.get("axes") or range(x.ndim)
    for axis, wanted in zip(axes, ints(shape), strict=True):
        n, pairs = x.shape[axis], [(0, 0)] * x.ndim
        if wanted < n:
            start = (n - wanted) // 2
            index = (slice(None),) * (axis % x.ndim) + (slice(start, start + wanted),)
            x = x[index]
        else:
            before = (wanted - n) // 2
            pairs[axis] = (before, wanted - n - before)
            x = xdl.pad(x, pairs)
    return x


def _depth_to_space(call, x):
    n, c, h, w = x.shape
    b = call.get("blocksize")
    if call.get("mode", "DCR") == "DCR":
        parts = xdl.reshape(x, (n, b, b, c // b**2, h, w))
        order = (0, 3, 4, 1, 5, 2)
    else:
        parts = xdl.reshape(x, (n, c // b**2, b, b, h, w))
        order = (0, 1, 4, 2, 5, 3)
    return xdl.reshape(xdl.permute_dims(parts, order), (n, c // b**2, h * b, w * b))


def _space_to_depth(call, x):
    n, c, h, w = x.shape
    b = call.get("blocksize")
    parts = xdl.reshape(x, (n, c, h // b, b, w // b, b))
    order = (0, 3, 5, 1, 2, 4)
    if call.get("mode", "DCR") == "CRD":
        order = (0, 1, 3, 5, 2, 4)
    return xdl.reshape(xdl.permute_dims(parts, order), (n, c * b**2, h // b, w // b))


def _reverse_sequence(call, x, lengths):
    batch, time = call.get("batch_axis", 1), call.get("time_axis", 0)
    steps = np.arange(x.shape[time])
    rows = [
        np.where(steps < length, length - 1 - steps, steps) for length in ints(lengths)
    ]
    places = np.stack(rows, axis=batch)
    places = places.reshape(*places.shape, *[1] * (x.ndim - 2))
    return xdl.take_along_axis(x, xdl.broadcast_to(data(places), x.shape), time)


def _trilu(call, x, k=None):
    part = xdl.triu if call.get("upper", 1) else xdl.tril
    return part(x, number(k) if k is not None else 0)


def _top(call, x, k):
    return list(
        xdl.topk(x, number(k), call.get("axis", -1), bool(call.get("largest", 1)))
    )


def _one_hot(call, indices, depth, values):
    count, places = int(number(depth)), indices.numpy()
    if (places < -count).any() or (places >= count).any():
        raise LeftOut("xdl refuses an index that is out of range")
    rows = xdl.one_hot(_counted(xdl.astype(indices, "int64"), count), count, "bool")
    spread = xdl.where(rows, values[1], values[0])
    axis = call.get("axis", -1)
    return xdl.moveaxis(spread, -1, axis)


def _hardmax(call, x):
    axis = call.get("axis", -1 if call.opset >= 13 else 1)
    if call.opset < 13:
        raise LeftOut("an older version of the operator")
    first = xdl.argmax(x, axis)
    rows = xdl.one_hot(first, x.shape[axis], x.dtype)
    return xdl.moveaxis(rows, -1, axis)


def _range(call, start, limit, delta):
    found = np.arange(number(start), number(limit), number(delta))
    steps = xdl.astype(data(np.arange(len(found))), start.dtype)
    return start + steps * delta


def _filled(call, shape):
    value = call.get("value")
    value = np.zeros(1, np.float32) if value is None else value
    return xdl.broadcast_to(data(value.reshape(())), tuple(ints(shape)))


def _eye(call, x):
    import onnx

    given = call.get("dtype")
    dtype = onnx.helper.tensor_dtype_to_np_dtype(given) if given else x.dtype
    rows, columns = x.shape
    places = data(np.arange(rows)[:, None]) + call.get("k", 0)
    return xdl.astype(xdl.equal(places, data(np.arange(columns))), dtype)


def _constant(call):
    names = ("value_int", "value_ints", "value_float", "value_floats")
    for name in names:
        if name in call.options:
            kind = np.int64 if "int" in name else np.float32
            return data(np.asarray(call.options[name], kind))
    return data(call.options["value"])


def _shape(call, x):
    shape = x.shape[call.get("start", 0) : call.get("end")]
    return data(np.asarray(shape, np.int64))


def _expand(call, x, shape):
    wanted = np.broadcast_shapes(x.shape, tuple(ints(shape)))
    return xdl.broadcast_to(x, wanted)


def _tile(call, x, repeats):
    return xdl.tile(x, tuple(ints(repeats)))


def _transpose(call, x):
    return xdl.transpose(x, call.get("perm"))


OPERATORS = {
    "CenterCropPad": _center,
    "Compress": _compress,
    "Concat": lambda call, *xs: xdl.concat(xs, call.get("axis")),
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "EyeLike": _eye,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Hardmax": _hardmax,
    "OneHot": _one_hot,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "ReverseSequence": _reverse_sequence,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "Shape": _shape,
    "Size": lambda call, x: data(np.asarray(x.size, np.int64)),
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "TensorScatter": _tensor_scatter,
    "Tile": _tile,
    "TopK": _top,
    "Transpose": _transpose,
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
}
