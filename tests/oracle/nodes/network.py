"""Operators of networks: convolution, pooling, normalization, resizing."""

import math
from dataclasses import replace

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut, data, ints, like, number

_CONV = {1: xdl.conv1d, 2: xdl.conv2d, 3: xdl.conv3d}
_CONV_TRANSPOSE = {1: xdl.conv_transpose1d, 2: xdl.conv_transpose2d}
_MAX = {1: xdl.max_pool1d, 2: xdl.max_pool2d}
_AVERAGE = {1: xdl.avg_pool1d, 2: xdl.avg_pool2d}


def _window(call, x, window):
    """Return the window, its strides, its dilations and the pairs of padding."""
    count = x.ndim - 2
    stride = call.get("strides") or [1] * count
    dilation = call.get("dilations") or [1] * count
    pads = call.get("pads") or [0] * (2 * count)
    pairs = list(zip(pads[:count], pads[count:], strict=True))
    kind = call.get("auto_pad", "NOTSET")
    if kind.startswith("SAME"):
        pairs = []
        for n, w, s, d in zip(x.shape[2:], window, stride, dilation, strict=True):
            short = max((-(-n // s) - 1) * s + (w - 1) * d + 1 - n, 0)
            pair = (short // 2, short - short // 2)
            pairs.append(pair if kind == "SAME_UPPER" else pair[::-1])
    return tuple(window), tuple(stride), tuple(dilation), pairs


def _lone(values):
    return values[0] if len(values) == 1 else tuple(values)


def _conv(call, x, weight, bias=None):
    window = call.get("kernel_shape") or weight.shape[2:]
    _, stride, dilation, pairs = _window(call, x, window)
    padding = [before for before, _ in pairs]
    if any(before != after for before, after in pairs):
        x, padding = xdl.pad(x, [(0, 0), (0, 0), *pairs]), [0] * len(pairs)
    return _CONV[x.ndim - 2](
        *(x, weight, bias),
        stride=_lone(stride),
        padding=_lone(padding),
        dilation=_lone(dilation),
        groups=call.get("group", 1),
    )


def _conv_transpose(call, x, weight, bias=None):
    count = x.ndim - 2
    if count not in _CONV_TRANSPOSE:
        raise LeftOut("xdl has no transposed convolution of volumes")
    window, stride, dilation, pairs = _window(call, x, weight.shape[2:])
    extra = call.get("output_padding") or [0] * count
    wanted = call.get("output_shape")
    y = _CONV_TRANSPOSE[count](
        *(x, weight),
        stride=_lone(stride),
        dilation=_lone(dilation),
        groups=call.get("group", 1),
    )
    kind = call.get("auto_pad", "NOTSET")
    if wanted is None and kind.startswith("SAME"):
        wanted = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
    if wanted is not None:
        totals = [n + e - m for n, e, m in zip(y.shape[2:], extra, wanted, strict=True)]
        pairs = [(t // 2, t - t // 2) for t in totals]
        pairs = pairs if kind == "SAME_UPPER" else [pair[::-1] for pair in pairs]
    grown = [
        (max(-b, 0), max(e - a, 0)) for (b, a), e in zip(pairs, extra, strict=True)
    ]
    cut = [
        slice(max(b, 0), n - max(a - e, 0))
        for (b, a), e, n in zip(pairs, extra, y.shape[2:], strict=True)
    ]
    y = xdl.pad(y[(slice(None), slice(None), *cut)], [(0, 0), (0, 0), *grown])
    return y if bias is None else y + xdl.reshape(bias, (-1, *[1] * count))


def _grown(call, x, function, value):
    """Return the result of a pooling function, and the padded array."""
    if x.ndim - 2 not in function:
        raise LeftOut("xdl has no pooling of volumes")
    window, stride, dilation, pairs = _window(call, x, call.get("kernel_shape"))
    if set(dilation) != {1}:
        raise LeftOut("xdl has no pooling with gaps in the window")
    if call.get("ceil_mode", 0):
        pairs = [
            (b, a + _rest(n + b + a, w, s, n + b))
            for (b, a), n, w, s in zip(pairs, x.shape[2:], window, stride, strict=True)
        ]
    grown = xdl.pad(x, [(0, 0), (0, 0), *pairs], value=value)
    return function[x.ndim - 2](grown, _lone(window), _lone(stride))


def _rest(n, window, stride, reached):
    """Return what is missing at the end for a last window that starts inside."""
    count = -(-(n - window) // stride) + 1
    count -= (count - 1) * stride >= reached
    return max((count - 1) * stride + window - n, 0)


def _max_pool(call, x):
    if call.outputs > 1:
        raise LeftOut("xdl's pooling tells no positions of the largest elements")
    floating = xdl.astype(x, "float32") if x.dtype.kind != "f" else x
    return xdl.astype(_grown(call, floating, _MAX, -math.inf), x.dtype)


def _average_pool(call, x):
    average = _grown(call, x, _AVERAGE, 0)
    if call.get("count_include_pad", 0):
        if call.get("ceil_mode", 0):
            raise LeftOut("what ceil_mode adds counts neither as padding nor as data")
        return average
    return average / _grown(call, xdl.astype(xdl.equal(x, x), x.dtype), _AVERAGE, 0)


def _lp_pool(call, x):
    p, size = call.get("p", 2), math.prod(call.get("kernel_shape"))
    mean = _grown(call, xdl.power(xdl.abs(x), p), _AVERAGE, 0)
    return xdl.power(mean * size, 1 / p)


def _global(function):
    return lambda call, x: function(x, tuple(range(2, x.ndim)), True)


def _lrn(call, x):
    size, count = call.get("size"), x.shape[1]
    alpha, beta = call.get("alpha", 1e-4), call.get("beta", 0.75)
    before = (size - 1) // 2
    pairs = [(0, 0)] * x.ndim
    pairs[1] = (before, size - 1 - before)
    squares = xdl.pad(xdl.square(x), pairs)
    total = sum(squares[:, i : i + count] for i in range(size))
    return x / xdl.power(total * (alpha / size) + call.get("bias", 1.0), beta)


def _batch_norm(call, x, scale, bias, mean, var):
    eps = call.get("epsilon", 1e-5)
    if not call.get("training_mode", 0):
        return xdl.batch_norm(x, mean, var, scale, bias, eps)
    axes = (0, *range(2, x.ndim))
    momentum = call.get("momentum", 0.9)
    means, variances = xdl.mean(x, axes), xdl.var(x, axes)
    return [
        xdl.batch_norm(x, None, None, scale, bias, eps),
        mean * momentum + means * (1 - momentum),
        var * momentum + variances * (1 - momentum),
    ]


def _instance_norm(call, x, scale, bias):
    return xdl.instance_norm(x, scale, bias, call.get("epsilon", 1e-5))


def _group_norm(call, x, scale, bias):
    return xdl.group_norm(
        x, call.get("num_groups"), scale, bias, call.get("epsilon", 1e-5)
    )


def _layer_norm(call, x, scale, bias=None):
    axis, eps = call.get("axis", -1) % x.ndim, call.get("epsilon", 1e-5)
    y = xdl.layer_norm(x, x.shape[axis:], scale, bias, eps)
    if call.outputs == 1:
        return y
    axes = tuple(range(axis, x.ndim))
    mean = xdl.mean(x, axes, True)
    return [y, mean, xdl.rsqrt(xdl.var(x, axes, True) + eps)][: call.outputs]


def _rms_norm(call, x, scale):
    axis = call.get("axis", -1) % x.ndim
    return xdl.rms_norm(x, x.shape[axis:], scale, call.get("epsilon", 1e-5))


def _mean_variance(call, x):
    axes = tuple(call.get("axes", (0, 2, 3)))
    spread = xdl.std(x, axes, keepdims=True) + 1e-9
    return (x - xdl.mean(x, axes, True)) / spread


_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
_OTHER = "interpolate has no such mode or coordinates"


def _upsample(call, x, scales):
    nearest = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return _resize(replace(call, options=call.options | nearest), x, None, scales)


def _resize(call, x, roi=None, scales=None, sizes=None):
    if call.get("antialias", 0) or call.get("exclude_outside", 0):
        raise LeftOut("interpolate has no antialiasing")
    if call.get("axes") or call.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise LeftOut("interpolate keeps the first two axes alone")
    where = call.get("coordinate_transformation_mode", "half_pixel")
    if call.get("mode", "nearest") == "nearest":
        if (where, call.get("nearest_mode")) != ("asymmetric", "floor"):
            raise LeftOut(_OTHER)
        return xdl.interpolate(x, **_resized(x, scales, sizes))
    if call.get("mode") == "cubic":
        raise LeftOut(_OTHER)
    return _resize_linearly(where, x, _resized(x, scales, sizes))


def _resized(x, scales, sizes):
    """Return the new lengths of all axes but the first two, as interpolate's option."""
    if scales is None or not scales.size:
        return {"size": ints(sizes)[2:]}
    return {"scale_factor": scales.numpy().tolist()[2:]}


def _resize_linearly(where, x, lengths):
    mode = _LINEAR[x.ndim - 2]
    if where == "align_corners":
        factors = lengths.pop("scale_factor", [1] * (x.ndim - 2))
        new = [n * f for n, f in zip(x.shape[2:], factors, strict=True)]
        if any(n % 1 for n in new):
            raise LeftOut("interpolate aligns the corners of whole lengths alone")
        size = lengths.get("size", list(map(int, new)))
        return xdl.interpolate(x, size, mode=mode, align_corners=True)
    if where not in ("half_pixel", "pytorch_half_pixel"):
        raise LeftOut(_OTHER)
    if where == "pytorch_half_pixel" and 1 in lengths.get("size", ()):
        raise LeftOut("interpolate puts a single element in the middle, not first")
    return xdl.interpolate(x, mode=mode, **lengths)


def _dropout(call, x, ratio=None, training=None):
    p = number(ratio) if ratio is not None else call.get("ratio", 0.5)
    if training is not None and number(training) and p:
        raise LeftOut("what is dropped is drawn")
    y = xdl.dropout(x, p, training=False)
    return [y, xdl.equal(y, y)][: call.outputs]


def _affine_grid(call, theta, size):
    counts = ints(size)[2:]
    spots = []
    for n in counts:
        if call.get("align_corners", 0):
            spots.append(np.linspace(-1, 1, n))
        else:
            spots.append((np.arange(n) + 0.5) * 2 / n - 1)
    grid = np.meshgrid(*spots, indexing="ij")[::-1]
    points = np.stack([*grid, np.ones(counts)], -1).astype(theta.dtype)
    flat = data(points.reshape(-1, len(counts) + 1))
    y = xdl.matmul(flat, xdl.matrix_transpose(theta))
    return xdl.reshape(y, (theta.shape[0], *counts, len(counts)))


def _max_unpool(call, x, indices, shape=None):
    window, stride, _, pairs = _window(call, x, call.get("kernel_shape"))
    sizes = [
        (n - 1) * s + w - b - a
        for n, s, w, (b, a) in zip(x.shape[2:], stride, window, pairs, strict=True)
    ]
    inner = (*x.shape[:2], *sizes)
    flat = xdl.index_update(
        like(x, np.zeros(math.prod(inner))), xdl.flatten(indices), xdl.flatten(x)
    )
    y = xdl.reshape(flat, inner)
    wanted = inner if shape is None else ints(shape)
    return xdl.pad(y, [(0, n - m) for n, m in zip(wanted, inner, strict=True)])


OPERATORS = {
    "AffineGrid": _affine_grid,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Dropout": _dropout,
    "GlobalAveragePool": _global(xdl.mean),
    "GlobalMaxPool": _global(xdl.max),
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LRN": _lrn,
    "LayerNormalization": _layer_norm,
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
    "MaxUnpool": _max_unpool,
    "MeanVarianceNormalization": _mean_variance,
    "RMSNormalization": _rms_norm,
    "Resize": _resize,
    "Upsample": _upsample,
}
