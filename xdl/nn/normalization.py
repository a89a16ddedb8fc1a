"""The normalization layers."""

from __future__ import annotations

from functools import partial

from xdl.backend import pending
from xdl.core import mode
from xdl.core.module import Module
from xdl.core.option import number, plain
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError, EmptyBatchError, ShapeError
from xdl.nn import init
from xdl.ops import batch_norm, group_norm
from xdl.ops.normalization.batch_norm import BatchNorm
from xdl.ops.normalization.layer_norm import LayerNorm as _LayerNorm
from xdl.ops.normalization.layer_norm import RMSNorm as _RMSNorm
from xdl.ops.normalization.layer_norm import checked_eps
from xdl.typing import ArrayLike, Shape


class _Normalization(Module):
    """What the layers share: a weight of ones, a bias of zeros, a name in errors."""

    _size = ""

    def _normalized(self, x):
        raise NotImplementedError

    def _make_weights(self, shape, has_weight, has_bias):
        get = self.parameter.get_variable
        self.weight = get("weight", shape, init.ones) if has_weight else None
        self.bias = get("bias", shape, init.zeros) if has_bias else None

    def forward(self, x: ArrayLike) -> Variable:
        try:
            return self._normalized(x)
        except (ShapeError, DtypeError, EmptyBatchError) as error:
            raise type(error)(f"{self}: {error}") from None

    def __repr__(self) -> str:
        name = self.__dict__.get("_name")
        label = f' "{name}"' if name else ""
        return f"{type(self).__name__}({self._size}){label}"


class LayerNorm(_Normalization):
    """Bring the last axes to mean 0 and variance 1, then scale and shift them.

    Args:
        shape: the lengths of the last axes, an int or a sequence of ints.
        eps: added to the variance; default 1e-5.
        affine: whether there are a weight and a bias; default True.
        bias: whether there is a bias; default True.

    Attributes:
        weight, bias: Variables of that shape, ones and zeros at first; or None.

    Example:
        >>> import xdl
        >>> xdl.nn.LayerNorm(2)([[1.0, 3.0]]).numpy().round(3)
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        shape: Shape,
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._op = _LayerNorm(shape, eps)
        self._size = ", ".join(map(str, self._op.features))
        self._make_weights(self._op.features, affine, affine and bias)

    def _normalized(self, x):
        return self._op(x, self.weight, self.bias)


class RMSNorm(_Normalization):
    """Divide the last axes by their root mean square, then scale them.

    Args:
        shape: the lengths of the last axes, an int or a sequence of ints.
        eps: added to the mean square; default 1e-5.
        affine: whether there is a weight; default True.

    Attributes:
        weight: a Variable of that shape, ones at first; or None.

    Example:
        >>> import xdl
        >>> xdl.nn.RMSNorm(2)([[3.0, 4.0]]).numpy().round(3)
        array([[0.849, 1.131]], dtype=float32)
    """

    def __init__(self, shape: Shape, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        self._op = _RMSNorm(shape, eps)
        self._size = ", ".join(map(str, self._op.features))
        self._make_weights(self._op.features, affine, False)

    def _normalized(self, x):
        return self._op(x, self.weight)


class GroupNorm(_Normalization):
    """Bring groups of channels of each sample to mean 0 and variance 1.

    Args:
        groups: how many groups the channels are divided into, an int.
        channels: the length of axis 1, an int.
        eps: added to the variance; default 1e-5.
        affine: whether there are a weight and a bias; default True.

    Attributes:
        weight, bias: Variables (channels,), ones and zeros at first; or None.

    Raises:
        ArgumentError: the channels do not divide into the groups.

    Example:
        >>> import xdl
        >>> xdl.nn.GroupNorm(2, 4)([[1.0, 3.0, 10.0, 30.0]]).numpy().round(3)
        array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        groups: int,
        channels: int,
        eps: float = 1e-5,
        affine: bool = True,
    ) -> None:
        super().__init__()
        groups = plain("GroupNorm", "groups", groups)
        channels = plain("GroupNorm", "channels", channels)
        if not isinstance(groups, int) or groups < 1 or channels % groups:
            raise ArgumentError(
                f"GroupNorm: groups {groups!r} came, needed a divisor of {channels}"
            )
        self.groups, self.channels = groups, channels
        self.eps = checked_eps("GroupNorm", eps)
        self._size = f"{groups}, {channels}"
        self._make_weights((channels,), affine, affine)

    def _normalized(self, x):
        _refuse_channels(x, self.channels)
        return group_norm(x, self.groups, self.weight, self.bias, self.eps)


class _BatchNorm(_Normalization):
    """What the batch normalizations share; they differ in the axes they take."""

    ndims: tuple[int, ...] = ()

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        momentum = number(who, "momentum", momentum, low=0, high=1)
        channels = plain(who, "channels", channels)
        self._op = BatchNorm(eps, self._follow)
        self.momentum, self.channels, self._size = momentum, channels, str(channels)
        self._make_weights((channels,), affine, affine)
        get = self.parameter.get_variable
        self.running_mean = get("running_mean", channels, init.zeros, None, False)
        self.running_var = get("running_var", channels, init.ones, None, False)

    def _normalized(self, x):
        shape = _refuse_channels(x, self.channels)
        if len(shape) not in self.ndims:
            needed = " or ".join(map(str, self.ndims))
            raise ShapeError(f"x {shape} has {len(shape)} axes, needed {needed}")
        if not self.is_training:
            given = self.running_mean, self.running_var, self.weight, self.bias
            return batch_norm(x, *given, self._op.eps)
        return self._op(x, self.weight, self.bias)

    def _follow(self, mean, variance, count):
        """Move the running statistics towards those of ``count`` values."""
        part, unbiased = self.momentum, count / (count - 1)
        for running, new in (
            (self.running_mean, mean),
            (self.running_var, variance * unbiased),
        ):
            before = running._value
            running.value = running.value * (1 - part) + new * part
            if mode.records():
                pending.note(partial(_put_back, running), before, running._value)


def _put_back(running, before, after):
    if running._value is after:
        running._value = before


class BatchNorm1d(_BatchNorm):
    """Bring every channel of (n, c) or (n, c, length) to mean 0 and variance 1.

    In training, by the statistics of the batch; the running ones follow them:
    ``running = (1 - momentum) running + momentum new``, the variance with Bessel's
    correction. After ``eval()``, by the running ones.

    Args:
        channels: the length of axis 1, an int.
        eps: added to the variance; default 1e-5.
        momentum: how fast the running statistics follow, from 0 to 1; default 0.1.
        affine: whether there are a weight and a bias; default True.

    Attributes:
        weight, bias: Variables (channels,), ones and zeros at first; or None.
        running_mean, running_var: Variables (channels,) that are not trained.

    Raises (when it is called):
        ShapeError: other axes or channels; in training, one value per channel.
        EmptyBatchError: in training, an empty batch.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.BatchNorm1d(1)
        >>> layer([[1.0], [3.0]]).numpy().round(3)
        array([[-1.],
               [ 1.]], dtype=float32)
        >>> layer.running_mean.numpy(), layer.running_var.numpy()
        (array([0.2], dtype=float32), array([1.1], dtype=float32))
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Bring every channel of images (n, c, height, width) to mean 0 and variance 1.

    Args, attributes and errors are those of ``BatchNorm1d``.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.BatchNorm2d(1)
        >>> layer([[[[1.0, 3.0]]]]).numpy().round(3)
        array([[[[-1.,  1.]]]], dtype=float32)
    """

    ndims = (4,)


def _refuse_channels(x, channels):
    """Return the shape of ``x``, which must have so many channels."""
    shape = tuple((x if hasattr(x, "shape") else as_variable(x)).shape)
    if len(shape) < 2 or shape[1] != channels:
        raise ShapeError(f"x {shape} came, needed (n, {channels}, ...)")
    return shape
