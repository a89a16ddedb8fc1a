"""Methods of Variable: the functions of one array that NumPy and PyTorch have as such.

They take the arguments of the function; those that NumPy's arrays have too take them in
NumPy's order. Like the operators they find each function when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdl.arguments import explain_methods
from xdl.core.operators import Operators, functions
from xdl.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdl.core.variable import Variable
    from xdl.typing import ArrayLike, Axes, Axis, DType, Shape


def _take_neither(called: str, dtype: None, out: None) -> None:
    """Refuse what NumPy's methods take there, and what stands there by mistake."""
    if dtype is not None or out is not None:
        raise ArgumentError(
            f"Variable.{called}: dtype and out are not taken; several axes are a "
            "tuple, and what comes out is converted by .astype(dtype)"
        )


def _unpacked(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return f(2, 3) and f((2, 3)) alike as (2, 3)."""
    if len(arguments) == 1 and hasattr(arguments[0], "__len__"):
        return tuple(arguments[0])
    return arguments


@explain_methods
class Methods(Operators):
    """What a Variable can do: each method is a function of ``xdl.ops``."""

    __slots__ = ()

    def sum(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Add up the elements along axes; see ``xdl.sum``."""
        _take_neither("sum", dtype, out)
        return functions.sum.__wrapped__(self, axis, keepdims)

    def mean(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Average the elements along axes; see ``xdl.mean``."""
        _take_neither("mean", dtype, out)
        return functions.mean.__wrapped__(self, axis, keepdims)

    def prod(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Multiply the elements along axes; see ``xdl.prod``."""
        _take_neither("prod", dtype, out)
        return functions.prod.__wrapped__(self, axis, keepdims)

    def max(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Take the largest element along axes; see ``xdl.max``."""
        _take_neither("max", dtype, out)
        return functions.max.__wrapped__(self, axis, keepdims)

    def min(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Take the smallest element along axes; see ``xdl.min``."""
        _take_neither("min", dtype, out)
        return functions.min.__wrapped__(self, axis, keepdims)

    def all(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Tell along axes whether all elements are true; see ``xdl.all``."""
        _take_neither("all", dtype, out)
        return functions.all.__wrapped__(self, axis, keepdims)

    def any(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Tell along axes whether any element is true; see ``xdl.any``."""
        _take_neither("any", dtype, out)
        return functions.any.__wrapped__(self, axis, keepdims)

    def argmax(
        self,
        axis: Axis = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Find the position of the largest element; see ``xdl.argmax``."""
        _take_neither("argmax", dtype, out)
        return functions.argmax.__wrapped__(self, axis, keepdims)

    def argmin(
        self,
        axis: Axis = None,
        dtype: None = None,
        out: None = None,
        keepdims: bool = False,
    ) -> Variable:
        """Find the position of the smallest element; see ``xdl.argmin``."""
        _take_neither("argmin", dtype, out)
        return functions.argmin.__wrapped__(self, axis, keepdims)

    def var(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        ddof: float = 0,
        keepdims: bool = False,
    ) -> Variable:
        """Average the squared distances from the mean; see ``xdl.var``."""
        _take_neither("var", dtype, out)
        return functions.var.__wrapped__(self, axis, keepdims, ddof)

    def std(
        self,
        axis: Axes = None,
        dtype: None = None,
        out: None = None,
        ddof: float = 0,
        keepdims: bool = False,
    ) -> Variable:
        """Take the square root of the variance; see ``xdl.std``."""
        _take_neither("std", dtype, out)
        return functions.std.__wrapped__(self, axis, keepdims, ddof)

    def norm(
        self, axis: Axes = None, keepdims: bool = False, ord: float = 2
    ) -> Variable:
        """Measure the length of vectors along axes; see ``xdl.norm``."""
        return functions.norm(self, axis, keepdims, ord)

    def logsumexp(self, axis: Axes = None, keepdims: bool = False) -> Variable:
        """Compute ln(sum(exp(x))) along axes; see ``xdl.logsumexp``."""
        return functions.logsumexp(self, axis, keepdims)

    def cumsum(self, axis: Axis = None) -> Variable:
        """Add up from the start of an axis; see ``xdl.cumulative_sum``."""
        return functions.cumulative_sum(self, axis)

    def cumprod(self, axis: Axis = None) -> Variable:
        """Multiply from the start of an axis; see ``xdl.cumulative_prod``."""
        return functions.cumulative_prod(self, axis)

    def diff(self, n: int = 1, axis: int = -1) -> Variable:
        """Subtract from each element the one before it; see ``xdl.diff``."""
        return functions.diff(self, n, axis)

    def sort(
        self, axis: Axis = -1, descending: bool = False, stable: bool = False
    ) -> Variable:
        """Sort the elements along an axis; see ``xdl.sort``."""
        return functions.sort(self, axis, descending, stable)

    def argsort(
        self, axis: Axis = -1, descending: bool = False, stable: bool = True
    ) -> Variable:
        """Find the positions of the elements in order; see ``xdl.argsort``."""
        return functions.argsort(self, axis, descending, stable)

    def topk(
        self, k: int, axis: Axis = -1, largest: bool = True
    ) -> tuple[Variable, Variable]:
        """Find the k largest elements and their positions; see ``xdl.topk``."""
        return functions.topk(self, k, axis, largest)

    def exp(self) -> Variable:
        """Compute e to the power of every element; see ``xdl.exp``."""
        return functions.exp(self)

    def exp2(self) -> Variable:
        """Compute 2 to the power of every element; see ``xdl.exp2``."""
        return functions.exp2(self)

    def expm1(self) -> Variable:
        """Compute exp(x) - 1, precise for small x; see ``xdl.expm1``."""
        return functions.expm1(self)

    def log(self) -> Variable:
        """Take the natural logarithm; see ``xdl.log``."""
        return functions.log(self)

    def log2(self) -> Variable:
        """Take the logarithm to base 2; see ``xdl.log2``."""
        return functions.log2(self)

    def log10(self) -> Variable:
        """Take the logarithm to base 10; see ``xdl.log10``."""
        return functions.log10(self)

    def log1p(self) -> Variable:
        """Compute ln(1 + x), precise for small x; see ``xdl.log1p``."""
        return functions.log1p(self)

    def sqrt(self) -> Variable:
        """Take the square root; see ``xdl.sqrt``."""
        return functions.sqrt(self)

    def rsqrt(self) -> Variable:
        """Compute 1 / sqrt(x); see ``xdl.rsqrt``."""
        return functions.rsqrt(self)

    def reciprocal(self) -> Variable:
        """Compute 1 / x; see ``xdl.reciprocal``."""
        return functions.reciprocal(self)

    def square(self) -> Variable:
        """Square every element; see ``xdl.square``."""
        return functions.square(self)

    def abs(self) -> Variable:
        """Take the absolute value of every element; see ``xdl.abs``."""
        return functions.abs(self)

    def sign(self) -> Variable:
        """Give -1, 0 or 1 for every element; see ``xdl.sign``."""
        return functions.sign(self)

    def floor(self) -> Variable:
        """Round every element down to a whole number; see ``xdl.floor``."""
        return functions.floor(self)

    def ceil(self) -> Variable:
        """Round every element up to a whole number; see ``xdl.ceil``."""
        return functions.ceil(self)

    def round(self) -> Variable:
        """Round every element to the nearest whole number; see ``xdl.round``."""
        return functions.round(self)

    def sin(self) -> Variable:
        """Take the sine of every element; see ``xdl.sin``."""
        return functions.sin(self)

    def cos(self) -> Variable:
        """Take the cosine of every element; see ``xdl.cos``."""
        return functions.cos(self)

    def tan(self) -> Variable:
        """Take the tangent of every element; see ``xdl.tan``."""
        return functions.tan(self)

    def asin(self) -> Variable:
        """Take the inverse sine; see ``xdl.asin``."""
        return functions.asin(self)

    def acos(self) -> Variable:
        """Take the inverse cosine; see ``xdl.acos``."""
        return functions.acos(self)

    def atan(self) -> Variable:
        """Take the inverse tangent; see ``xdl.atan``."""
        return functions.atan(self)

    def sinh(self) -> Variable:
        """Take the hyperbolic sine; see ``xdl.sinh``."""
        return functions.sinh(self)

    def cosh(self) -> Variable:
        """Take the hyperbolic cosine; see ``xdl.cosh``."""
        return functions.cosh(self)

    def tanh(self) -> Variable:
        """Take the hyperbolic tangent; see ``xdl.tanh``."""
        return functions.tanh(self)

    def asinh(self) -> Variable:
        """Take the inverse hyperbolic sine; see ``xdl.asinh``."""
        return functions.asinh(self)

    def acosh(self) -> Variable:
        """Take the inverse hyperbolic cosine; see ``xdl.acosh``."""
        return functions.acosh(self)

    def atanh(self) -> Variable:
        """Take the inverse hyperbolic tangent; see ``xdl.atanh``."""
        return functions.atanh(self)

    def erf(self) -> Variable:
        """Compute the error function; see ``xdl.erf``."""
        return functions.erf(self)

    def isnan(self) -> Variable:
        """Tell for every element whether it is NaN; see ``xdl.isnan``."""
        return functions.isnan(self)

    def isinf(self) -> Variable:
        """Tell for every element whether it is an infinity; see ``xdl.isinf``."""
        return functions.isinf(self)

    def isfinite(self) -> Variable:
        """Tell for every element whether it is finite; see ``xdl.isfinite``."""
        return functions.isfinite(self)

    def logical_not(self) -> Variable:
        """Turn true into false and false into true; see ``xdl.logical_not``."""
        return functions.logical_not(self)

    def relu(self) -> Variable:
        """Set every negative element to 0; see ``xdl.relu``."""
        return functions.relu(self)

    def sigmoid(self) -> Variable:
        """Squash every element into (0, 1); see ``xdl.sigmoid``."""
        return functions.sigmoid(self)

    def softmax(self, axis: int = -1) -> Variable:
        """Turn scores into probabilities; see ``xdl.softmax``."""
        return functions.softmax(self, axis)

    def log_softmax(self, axis: int = -1) -> Variable:
        """Turn scores into log-probabilities; see ``xdl.log_softmax``."""
        return functions.log_softmax(self, axis)

    def clip(self, min: float | None = None, max: float | None = None) -> Variable:
        """Limit every element to a range; see ``xdl.clip``."""
        return functions.clip(self, min, max)

    def astype(self, dtype: DType) -> Variable:
        """Convert to another dtype; see ``xdl.astype``."""
        return functions.astype(self, dtype)

    def dot(self, other: ArrayLike) -> Variable:
        """Multiply vectors, matrices or numbers; see ``xdl.dot``."""
        return functions.dot(self, other)

    def matmul(self, other: ArrayLike) -> Variable:
        """Multiply matrices; see ``xdl.matmul``."""
        return functions.matmul(self, other)

    def take(self, indices: ArrayLike, axis: Axis = None) -> Variable:
        """Pick slices along an axis, or elements in C order; see ``xdl.take``."""
        return functions.take(self, indices, axis)

    def reshape(self, *shape: Shape, order: str = "C") -> Variable:
        """Arrange the elements in another shape; see ``xdl.reshape``."""
        if not shape:
            raise ArgumentError("Variable.reshape: no shape came, needed lengths")
        if order != "C":
            raise ArgumentError(f"Variable.reshape: order {order!r} came, needed 'C'")
        return functions.reshape(self, _unpacked(shape))

    def flatten(self, *axes: Any) -> Variable:
        """Make one axis of all, in C order; see ``xdl.flatten`` for some of them."""
        if axes and axes != ("C",):  # NumPy's method takes an order, PyTorch's axes
            raise ArgumentError(
                f"Variable.flatten: {', '.join(map(repr, axes))} came, needed nothing; "
                "xdl.flatten(x, start_axis, end_axis) joins some axes"
            )
        return functions.reshape(self, (-1,))

    ravel = flatten

    def transpose(self, *axes: Shape | None) -> Variable:
        """Reverse the axes, or reorder them; see ``xdl.transpose``."""
        order = _unpacked(axes) if axes != (None,) else ()
        return functions.transpose(self, order or None)

    @property
    def T(self) -> Variable:  # noqa: N802  (as NumPy and PyTorch have it)
        """The axes reversed."""
        return functions.transpose.__wrapped__(self)

    @property
    def mT(self) -> Variable:  # noqa: N802
        """The last two axes swapped."""
        return functions.matrix_transpose(self)

    def swapaxes(self, axis1: int, axis2: int) -> Variable:
        """Swap two axes; see ``xdl.swapaxes``."""
        return functions.swapaxes(self, axis1, axis2)

    def moveaxis(self, source: Shape, destination: Shape) -> Variable:
        """Move axes to other places; see ``xdl.moveaxis``."""
        return functions.moveaxis(self, source, destination)

    def squeeze(self, axis: Axes = None) -> Variable:
        """Remove axes of length 1; see ``xdl.squeeze``."""
        return functions.squeeze(self, axis)

    def broadcast_to(self, shape: Shape) -> Variable:
        """Repeat along axes to reach a shape; see ``xdl.broadcast_to``."""
        return functions.broadcast_to(self, shape)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
        """Take the diagonals of matrices; see ``xdl.diagonal``."""
        return functions.diagonal(self, offset, axis1, axis2)

    def repeat(self, repeats: int, axis: Axis = None) -> Variable:
        """Repeat each element along an axis; see ``xdl.repeat``."""
        return functions.repeat(self, repeats, axis)

    def tile(self, repetitions: Shape) -> Variable:
        """Lay copies of the array side by side; see ``xdl.tile``."""
        return functions.tile(self, repetitions)

    def flip(self, axis: Axes = None) -> Variable:
        """Reverse the order of the elements along axes; see ``xdl.flip``."""
        return functions.flip(self, axis)

    def roll(self, shift: Shape, axis: Axes = None) -> Variable:
        """Move the elements along axes, in a circle; see ``xdl.roll``."""
        return functions.roll(self, shift, axis)

    def tril(self, k: int = 0) -> Variable:
        """Keep the lower triangle of matrices; see ``xdl.tril``."""
        return functions.tril(self, k)

    def triu(self, k: int = 0) -> Variable:
        """Keep the upper triangle of matrices; see ``xdl.triu``."""
        return functions.triu(self, k)

    def split(
        self, sections: int | Sequence[int], axis: int = 0
    ) -> tuple[Variable, ...]:
        """Split along an axis into parts; see ``xdl.split``."""
        return functions.split(self, sections, axis)

    def unstack(self, axis: int = 0) -> tuple[Variable, ...]:
        """Take apart along an axis; see ``xdl.unstack``."""
        return functions.unstack(self, axis)
