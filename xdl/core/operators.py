"""Operators of Variable, and how NumPy's functions reach it.

They stand below the operations and find each in ``functions``, which ``xdl.ops`` fills
(``core.install``): nothing is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdl import backend
from xdl.errors import DtypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xdl.core.variable import Variable
    from xdl.typing import Array, ArrayLike, DType, Index

_BITWISE = {"bitwise_and": "__and__", "bitwise_or": "__or__", "invert": "__invert__"}


class _Functions:
    """The functions of a namespace; each is looked up when it is first used."""

    _namespace: Any = None
    _when_found: Callable[[str, Any], None]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._namespace, name)
        self._when_found(name, found)
        setattr(self, name, found)
        return found


functions: Any = _Functions()


class Operators:
    """What Python's operators do with a Variable: each is a function of ``xdl.ops``.

    An operand may be a Variable, an array, a number or a list; shapes broadcast.
    """

    __slots__ = ()

    def __add__(self, other: ArrayLike) -> Variable:
        """Add; see ``xdl.add``."""
        return functions.add(self, other)

    def __radd__(self, other: ArrayLike) -> Variable:
        """Add; see ``xdl.add``."""
        return functions.add(other, self)

    def __sub__(self, other: ArrayLike) -> Variable:
        """Subtract; see ``xdl.subtract``."""
        return functions.subtract(self, other)

    def __rsub__(self, other: ArrayLike) -> Variable:
        """Subtract; see ``xdl.subtract``."""
        return functions.subtract(other, self)

    def __mul__(self, other: ArrayLike) -> Variable:
        """Multiply element by element; see ``xdl.multiply``."""
        return functions.multiply(self, other)

    def __rmul__(self, other: ArrayLike) -> Variable:
        """Multiply element by element; see ``xdl.multiply``."""
        return functions.multiply(other, self)

    def __truediv__(self, other: ArrayLike) -> Variable:
        """Divide; see ``xdl.divide``."""
        return functions.divide(self, other)

    def __rtruediv__(self, other: ArrayLike) -> Variable:
        """Divide; see ``xdl.divide``."""
        return functions.divide(other, self)

    def __floordiv__(self, other: ArrayLike) -> Variable:
        """Divide and round down; see ``xdl.floor_divide``."""
        return functions.floor_divide(self, other)

    def __rfloordiv__(self, other: ArrayLike) -> Variable:
        """Divide and round down; see ``xdl.floor_divide``."""
        return functions.floor_divide(other, self)

    def __mod__(self, other: ArrayLike) -> Variable:
        """Give what ``//`` leaves; see ``xdl.remainder``."""
        return functions.remainder(self, other)

    def __rmod__(self, other: ArrayLike) -> Variable:
        """Give what ``//`` leaves; see ``xdl.remainder``."""
        return functions.remainder(other, self)

    def __pow__(self, other: ArrayLike) -> Variable:
        """Raise to a power; see ``xdl.power``."""
        return functions.power(self, other)

    def __rpow__(self, other: ArrayLike) -> Variable:
        """Raise to a power; see ``xdl.power``."""
        return functions.power(other, self)

    def __matmul__(self, other: ArrayLike) -> Variable:
        """Multiply matrices; see ``xdl.matmul``."""
        return functions.matmul(self, other)

    def __rmatmul__(self, other: ArrayLike) -> Variable:
        """Multiply matrices; see ``xdl.matmul``."""
        return functions.matmul(other, self)

    def __neg__(self) -> Variable:
        """Change the sign; see ``xdl.negative``."""
        return functions.negative(self)

    def __pos__(self) -> Variable:
        """Return the elements as they are; see ``xdl.positive``."""
        return functions.positive(self)

    def __abs__(self) -> Variable:
        """Take the absolute value; see ``xdl.abs``."""
        return functions.abs(self)

    # What a comparison of objects returns, a bool, is not what one of arrays does.

    def __eq__(self, other: ArrayLike) -> Variable:  # type: ignore[override]
        """Compare element by element; see ``xdl.equal``."""
        return NotImplemented if other is None else functions.equal(self, other)

    def __ne__(self, other: ArrayLike) -> Variable:  # type: ignore[override]
        """Compare element by element; see ``xdl.not_equal``."""
        return NotImplemented if other is None else functions.not_equal(self, other)

    def __lt__(self, other: ArrayLike) -> Variable:
        """Compare element by element; see ``xdl.less``."""
        return NotImplemented if other is None else functions.less(self, other)

    def __le__(self, other: ArrayLike) -> Variable:
        """Compare element by element; see ``xdl.less_equal``."""
        return NotImplemented if other is None else functions.less_equal(self, other)

    def __gt__(self, other: ArrayLike) -> Variable:
        """Compare element by element; see ``xdl.greater``."""
        return NotImplemented if other is None else functions.greater(self, other)

    def __ge__(self, other: ArrayLike) -> Variable:
        """Compare element by element; see ``xdl.greater_equal``."""
        return NotImplemented if other is None else functions.greater_equal(self, other)

    def __and__(self, other: ArrayLike) -> Variable:
        """Tell where both are true, of booleans; see ``xdl.logical_and``."""
        return _of_booleans(functions.logical_and, self, other)

    def __rand__(self, other: ArrayLike) -> Variable:
        """Tell where both are true, of booleans; see ``xdl.logical_and``."""
        return _of_booleans(functions.logical_and, self, other)

    def __or__(self, other: ArrayLike) -> Variable:
        """Tell where one is true, of booleans; see ``xdl.logical_or``."""
        return _of_booleans(functions.logical_or, self, other)

    def __ror__(self, other: ArrayLike) -> Variable:
        """Tell where one is true, of booleans; see ``xdl.logical_or``."""
        return _of_booleans(functions.logical_or, self, other)

    def __invert__(self) -> Variable:
        """Turn true into false and false into true; see ``xdl.logical_not``."""
        return _of_booleans(functions.logical_not, self)

    def __getitem__(self, index: Index) -> Variable:
        """Pick elements, as NumPy's indexing does; see ``xdl.getitem``."""
        return functions.getitem(self, index)

    def __array__(self, dtype: DType | None = None, copy: bool | None = None) -> Array:
        """Return the values for ``np.asarray``, read-only."""
        return functions.numpy_functions.as_array(self, dtype, copy)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        """Return ``xdl.ops``: functions written for any namespace run on Variables.

        So do those of ``scipy.special`` that have a gradient (``xdl.ops.special``),
        with SCIPY_ARRAY_API=1 and without; SciPy's others are refused, for it would
        compute them without a gradient. Its ``logsumexp`` and ``log_softmax`` write
        into arrays, which Variables are not for: use those of xdl.
        """
        return functions._namespace

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **options: Any
    ) -> Any:
        """Call what one of NumPy's ufuncs is in ``xdl.ops``."""
        if method == "__call__" and ufunc.__name__ in _BITWISE:
            others = [v for v in inputs if v is not self]
            return getattr(self, _BITWISE[ufunc.__name__])(*others)
        return functions.numpy_functions.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(
        self, function: Any, types: Any, arguments: Any, options: Any
    ) -> Any:
        """Call what one of NumPy's functions is in ``xdl.ops``."""
        return functions.numpy_functions.call(function, arguments, options)


def _of_booleans(function: Any, *operands: Any) -> Any:
    """Call a function of ``&``, ``|`` and ``~``: bits in NumPy, and truth here."""
    for operand in operands:
        dtype = backend.asarray(getattr(operand, "_value", operand)).dtype
        if backend.dtype_name(dtype) != "bool":
            raise DtypeError(
                f"{function.op}: {backend.dtype_name(dtype)} came, needed booleans; "
                f"compare first, or call xdl.{function.__name__}"
            )
    return function(*operands)
