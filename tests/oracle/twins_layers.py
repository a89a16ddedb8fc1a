"""What in xdl says the same as PyTorch's modules that are layers."""

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut
from tests.oracle.twins import Twin, function_twin, layer_twin
from xdl import backend

nn = xdl.nn
ACTIVATIONS = {
    "CELU": lambda m: nn.CELU(m.alpha),
    "ELU": lambda m: nn.ELU(m.alpha),
    "GELU": lambda m: nn.GELU(m.approximate),
    "GLU": lambda m: nn.GLU(m.dim),
    "Hardshrink": lambda m: lambda x: _shrunk(x, m.lambd, 0.0),
    "Hardswish": lambda m: nn.HardSwish(),
    "Hardtanh": lambda m: nn.HardTanh(m.min_val, m.max_val),
    "LeakyReLU": lambda m: nn.LeakyReLU(m.negative_slope),
    "LogSigmoid": lambda m: lambda x: -xdl.softplus(-x),
    "LogSoftmax": lambda m: nn.LogSoftmax(m.dim),
    "Mish": lambda m: nn.Mish(),
    "ReLU": lambda m: nn.ReLU(),
    "ReLU6": lambda m: nn.ReLU6(),
    "SELU": lambda m: nn.SELU(),
    "SiLU": lambda m: nn.SiLU(),
    "Sigmoid": lambda m: nn.Sigmoid(),
    "Softmax": lambda m: nn.Softmax(m.dim),
    "Softmax2d": lambda m: nn.Softmax(-3),
    "Softmin": lambda m: lambda x: xdl.softmax(-x, m.dim),
    "Softplus": lambda m: _softplus(m),
    "Softshrink": lambda m: lambda x: _shrunk(x, m.lambd, m.lambd),
    "Softsign": lambda m: nn.Softsign(),
    "Tanh": lambda m: nn.Tanh(),
    "Tanhshrink": lambda m: lambda x: x - xdl.tanh(x),
    "Threshold": lambda m: lambda x: xdl.where(x > m.threshold, x, m.value),
}
PADS = {"Constant": "constant", "Zero": "constant"}
PADS |= {"Reflection": "reflect", "Replication": "edge"}


def _softplus(m):
    if m.threshold != 20:
        raise LeftOut("xdl's softplus is never cut to the line")
    return nn.Softplus(m.beta)


def _shrunk(x, limit, step):
    above = xdl.where(x > limit, x - step, 0.0)
    return xdl.where(x < -limit, x + step, above)


def _batched(call, axes):
    """Return ``call`` for inputs that may lack the axis of the batch."""
    return lambda x: call(x) if x.ndim == axes else call(x[None])[0]


def _pad(m):
    mode = PADS[type(m).__name__.partition("Pad")[0]]
    widths = m.padding
    pairs = list(zip(widths[0::2], widths[1::2], strict=True))[::-1]

    def call(x):
        every = [(0, 0)] * (x.ndim - len(pairs)) + pairs
        return xdl.pad(x, every, mode, getattr(m, "value", 0))

    return Twin(call)


def _pool(m, axes):
    name, count = type(m).__name__, axes - 2
    if getattr(m, "dilation", 1) not in (1, (1,) * count):
        raise LeftOut("xdl has no pooling with gaps in the window")
    if m.ceil_mode or getattr(m, "return_indices", False):
        raise LeftOut("xdl's pooling has no ceil_mode and tells no positions")
    if getattr(m, "divisor_override", None):
        raise LeftOut("xdl's mean divides by the size of the window")
    padding = m.padding
    if not getattr(m, "count_include_pad", True) and np.any(padding):
        raise LeftOut("xdl's mean counts what is padded")
    options = [
        v[0] if isinstance(v, tuple) and len(v) == 1 else v
        for v in (m.kernel_size, m.stride, padding)
    ]
    return Twin(_batched(getattr(nn, name)(*options), axes))


def _adaptive(m):
    size, count = m.output_size, int(type(m).__name__[-2])
    size = (size,) * count if isinstance(size, int) else size

    def call(x):
        if count == 1:
            return xdl.adaptive_avg_pool2d(x[..., None, :], (1, *size))[..., 0, :]
        new = [n or old for n, old in zip(size, x.shape[2:], strict=True)]
        return nn.AdaptiveAvgPool2d(tuple(new))(x)

    return Twin(_batched(call, count + 2))


def _linear(m):
    layer = nn.Linear(m.in_features, m.out_features, bias=m.bias is not None)
    names = {"weight": ("weight", np.transpose)}
    names |= {} if m.bias is None else {"bias": "bias"}
    return layer_twin(m, layer, names)


def _bilinear(m):
    def call(w, a, b):
        y = xdl.einsum("...i,oij,...j->...o", a, w["weight"], b)
        return y + w["bias"] if "bias" in w else y

    return function_twin(m, call)


def _conv(m):
    name = type(m).__name__
    if m.padding_mode != "zeros":
        raise LeftOut("xdl's convolution pads with zeros")
    options = {"stride": m.stride, "padding": m.padding, "dilation": m.dilation}
    if "Transpose" in name:
        options["output_padding"] = m.output_padding
    if isinstance(m.padding, str):
        raise LeftOut("xdl's convolution takes numbers for its padding")
    if not hasattr(nn, name):
        raise LeftOut("xdl has no transposed convolution of volumes")
    count = len(m.kernel_size)
    alone = {k: v[0] if count == 1 else v for k, v in options.items()}
    window = m.kernel_size[0] if count == 1 else m.kernel_size
    layer = getattr(nn, name)(
        *(m.in_channels, m.out_channels, window),
        groups=m.groups,
        bias=m.bias is not None,
        **alone,
    )
    names = {n: n for n, _ in m.named_parameters()}
    return layer_twin(m, layer, names, _batched(layer, count + 2))


def _lazy(m):
    raise LeftOut("xdl's layers are told their channels")


def _norm(m):
    """Return the twin of LayerNorm, RMSNorm and GroupNorm."""
    name = type(m).__name__
    has_weight = m.weight is not None
    if name == "GroupNorm":
        layer = nn.GroupNorm(m.num_groups, m.num_channels, m.eps, m.affine)
    elif name == "LayerNorm":
        layer = nn.LayerNorm(m.normalized_shape, m.eps, has_weight, m.bias is not None)
    else:
        eps = m.eps or float(np.finfo(backend.DEFAULT_DTYPE).eps)
        layer = nn.RMSNorm(m.normalized_shape, eps, has_weight)
    return layer_twin(m, layer, {n: n for n, _ in m.named_parameters()})


def _batch_norm(m):
    if not m.track_running_stats:
        raise LeftOut("xdl's layer follows the statistics always")
    if m.momentum is None:
        raise LeftOut("xdl's layer has no plain average of all batches")
    layer = getattr(nn, type(m).__name__)(m.num_features, m.eps, m.momentum, m.affine)
    names = {n: n for n, _ in m.named_parameters()}

    def call(x):
        if m.training and not x.size:
            raise LeftOut("xdl refuses the mean of an empty batch")
        return layer(x)

    return layer_twin(m, layer, names, call, ("running_mean", "running_var"))


def _instance_norm(m):
    if m.track_running_stats:
        raise LeftOut("xdl's instance_norm follows no statistics")

    def call(w, x):
        return xdl.instance_norm(x, w.get("weight"), w.get("bias"), m.eps)

    count = int(type(m).__name__[-2])
    return function_twin(m, lambda w, x: _batched(lambda y: call(w, y), count + 2)(x))


def _embedding(m):
    layer = nn.Embedding(m.num_embeddings, m.embedding_dim)
    return layer_twin(m, layer, {"weight": "weight"})


def _prelu(m):
    def call(w, x):
        shape = (-1, *[1] * max(x.ndim - 2, 0)) if x.ndim else ()
        slope = xdl.reshape(w["weight"], shape)
        return xdl.where(x > 0, x, x * slope)

    return function_twin(m, call)


LAYERS = {
    name: lambda m, made=made: Twin(made(m)) for name, made in ACTIVATIONS.items()
}
LAYERS |= {f"{kind}Pad{n}d": _pad for kind in PADS for n in (1, 2, 3)}
LAYERS |= {
    f"{kind}Pool{n}d": lambda m, n=n: _pool(m, n + 2)
    for kind in ("Max", "Avg")
    for n in (1, 2)
}
LAYERS |= {f"AdaptiveAvgPool{n}d": _adaptive for n in (1, 2)}
LAYERS |= {f"Conv{kind}{n}d": _conv for kind in ("", "Transpose") for n in (1, 2, 3)}
LAYERS |= {f"LazyConv{k}{n}d": _lazy for k in ("", "Transpose") for n in (1, 2, 3)}
LAYERS |= {f"BatchNorm{n}d": _batch_norm for n in (1, 2)}
LAYERS |= {f"InstanceNorm{n}d": _instance_norm for n in (1, 2, 3)}
LAYERS |= dict.fromkeys(("LayerNorm", "RMSNorm", "GroupNorm"), _norm)
LAYERS |= {"Linear": _linear, "Bilinear": _bilinear}
LAYERS |= {"Embedding": _embedding, "PReLU": _prelu}
