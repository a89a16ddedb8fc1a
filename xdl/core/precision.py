"""The precision of products: what ``autocast`` and ``set_matmul_precision`` ask for.

The inputs of a product of float32 matrices are rounded, and the products are added up
in float32. An operation that ``multiplies`` is called as an ``InPrecision`` then: its
kernel and its gradient are given a namespace whose products are such, and so a step
that is recorded has the rounding in its program.

Reference: Micikevicius et al., "Mixed Precision Training", 2018.
"""

from __future__ import annotations

import functools

from xdl.arguments import explained, kind
from xdl.backend import NAMESPACES, dtype_name, parse_dtype
from xdl.core.mode import Block, Mode, change, current
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError

# From what is asked for to what inputs are rounded to.
_FORMATS = {"highest": None, "high": "tfloat32", "medium": "bfloat16"}
_AUTOCAST = ("bfloat16", "float16")


class set_matmul_precision:
    """Choose how precise products of float32 matrices are: as a call, or a ``with``.

    It holds for this thread, for products whose forward is computed from now on; the
    products of a backward are as precise as their forward. float64 and 16-bit arrays
    are computed as ever.

    Args:
        precision: ``"highest"``: float32; ``"high"``: the inputs are rounded to TF32,
            10 binary digits behind the first; ``"medium"``: to bfloat16, 7 digits.
            Products are added up in float32.

    Raises:
        ArgumentError: it is none of these.

    Example:
        >>> import xdl
        >>> x = xdl.Variable([[1 + 2**-9]])
        >>> with xdl.set_matmul_precision("medium"):
        ...     (x @ [[1.0]]).item()
        1.0
        >>> (x @ [[1.0]]).item()
        1.001953125
    """

    @explained
    def __init__(self, precision: str) -> None:
        if not isinstance(precision, str) or precision not in _FORMATS:
            raise ArgumentError(
                f"set_matmul_precision: {precision!r} came, needed one of "
                f"{', '.join(map(repr, _FORMATS))}"
            )
        self._before = change(matmul_precision=precision)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        change(**self._before)


@explained
def get_matmul_precision() -> str:
    """Return what ``set_matmul_precision`` chose in this thread.

    Example:
        >>> import xdl
        >>> xdl.get_matmul_precision()
        'highest'
    """
    return (current() or Mode()).matmul_precision


class autocast(Block):
    """Compute products with inputs of 16 bits: as a ``with`` block, or on a function.

    The inputs of products of float32 matrices (``matmul``, ``linear``, convolutions,
    attention, recurrent layers), and of the products of their backward, are rounded to
    a dtype, and added up in float32. All else stays float32: the results, weights and
    their gradients, sums, norms, losses. It comes before ``set_matmul_precision``.

    Args:
        dtype: ``"bfloat16"`` (default), or ``"float16"``, whose gradients need
            ``xdl.optim.GradScaler``.
        enabled: False: no autocast, also inside another one.

    Raises:
        DtypeError: the dtype is another one.

    Example:
        >>> import xdl
        >>> layer, x = xdl.nn.Linear(2, 3), xdl.Variable([[1.0, 2.0]])
        >>> with xdl.autocast("bfloat16"):
        ...     loss = xdl.sum(layer(x))
        >>> loss.backward()
        >>> str(loss.dtype), str(layer.weight.grad.dtype)
        ('float32', 'float32')
        >>> @xdl.autocast()
        ... def predict(x):
        ...     return layer(x)
        >>> predict(x).shape
        (1, 3)

    Reference: Micikevicius et al., "Mixed Precision Training", 2018.
    """

    @explained
    def __init__(self, dtype: object = "bfloat16", enabled: bool = True) -> None:
        try:
            name = parse_dtype(dtype)
        except DtypeError:
            name = kind(dtype) if not isinstance(dtype, str) else repr(dtype)
        if name not in _AUTOCAST:
            needed = " or ".join(map(repr, _AUTOCAST))
            raise DtypeError(f"autocast: dtype {name} came, needed {needed}")
        super().__init__(autocast=name if enabled else None)


def in_precision(op, mode, arrays):
    """Return an operation on arrays that multiplies as a mode asks for.

    It is the operation itself, or of float32 a stand-in.
    """
    name = mode.autocast or _FORMATS[mode.matmul_precision]
    dtypes = {dtype_name(a.dtype) for a in arrays if hasattr(a, "dtype")}
    return InPrecision(op, name) if name and "float32" in dtypes else op


def as_now():
    """Return a block in which products are as precise as they are now."""
    now = current() or Mode()
    return Block(autocast=now.autocast, matmul_precision=now.matmul_precision)


class InPrecision:
    """An operation whose products have rounded inputs, as those of its gradient have.

    Args:
        op: the operation.
        name: what inputs are rounded to: "tfloat32", "bfloat16" or "float16".
    """

    def __init__(self, op, name):
        self._op, self._name = op, name

    def compute(self, xp, *inputs):
        """Return what the operation computes."""
        return self._op.compute(_Rounding(xp, self._name), *inputs)

    def gradient(self, xp, gy, *kept):
        """Return the gradients; where they have a graph, its nodes know as much."""
        if xp is not NAMESPACES[Variable]:
            return self._op.gradient(_Rounding(xp, self._name), gy, *kept)
        with Block(autocast=self._name):
            return self._op.gradient(xp, gy, *kept)

    def rewrap(self, node, wrap):
        """Return what ``node`` kept as Variables of the graph."""
        with Block(autocast=self._name):
            return self._op.rewrap(node, wrap)

    def __getattr__(self, name):
        return getattr(self._op, name)

    def __repr__(self):
        return repr(self._op)


class _Rounding:
    """A namespace whose products have rounded inputs.

    Args:
        xp: the namespace that computes.
        name: what inputs are rounded to.
    """

    def __init__(self, xp, name):
        self._xp, self._round = xp, getattr(xp, f"round_to_{name}")
        self._multiply = xp.matmul
        if xp.tensor_cores is not None:
            self._multiply = functools.partial(xp.tensor_cores.matmul, name)

    def __getattr__(self, name):
        return getattr(self._xp, name)

    def matmul(self, x1, x2):
        return self._multiply(self._round(x1), self._round(x2))

    def convolution(self, x, taps, bias, options):
        x, taps = self._round(x), self._round(taps)
        return self._xp.convolution(x, taps, bias, options)

    def convolution_by_input(self, g, taps, size, options):
        g, taps = self._round(g), self._round(taps)
        return self._xp.convolution_by_input(g, taps, size, options)

    def convolution_by_weight(self, x, g, window, options):
        x, g = self._round(x), self._round(g)
        return self._xp.convolution_by_weight(x, g, window, options)
