"""Types for annotations: what functions of xdl take and give.

They are there for type checkers; when a program runs, each is ``Any``.

Example:
    >>> import xdl
    >>> from xdl.typing import ArrayLike
    >>> def twice(x: ArrayLike) -> xdl.Variable:
    ...     return xdl.add(x, x)
    >>> twice([1.0, 2.0])
    Variable([2., 4.], dtype=float32)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from types import EllipsisType
    from typing import Protocol, TypeVar

    import numpy as np

    _Item = TypeVar("_Item", covariant=True)

    class _Nested(Protocol[_Item]):
        """A list or tuple, of items or of such; no str."""

        def __len__(self) -> int: ...
        def __contains__(self, item: object, /) -> bool: ...
        def __getitem__(self, index: int, /) -> "_Item | _Nested[_Item]": ...
        def __iter__(self) -> "Iterator[_Item | _Nested[_Item]]": ...

    class _HasArray(Protocol):
        """NumPy's arrays and scalars, PyTorch's tensors, tables of pandas."""

        def __array__(self) -> Any: ...

    class _HasDLPack(Protocol):
        """Arrays of CuPy and others."""

        def __dlpack_device__(self) -> Any: ...

    _Result = TypeVar("_Result", covariant=True)

    class HasForward(Protocol[_Result]):
        """A Module: what computes by its method ``forward``."""

        def forward(self, *inputs: Any, **options: Any) -> _Result:
            """Compute the output."""

    _One = _HasArray | _HasDLPack | float
    ArrayLike = _One | _Nested[_One]
    Array = np.ndarray[Any, np.dtype[Any]]  # CuPy's on CUDA has the same methods
    DTypeOf = np.dtype[Any]
    DType = str | type | np.dtype[Any]
    Axis = int | None
    Axes = int | Sequence[int] | None
    Shape = int | Sequence[int]
    Widths = int | Sequence[int] | Sequence[Sequence[int]]
    _OneIndex = ArrayLike | slice | EllipsisType | None
    Index = _OneIndex | tuple[_OneIndex, ...]
    PathLike = str | os.PathLike[str]
    Initializer = Callable[[tuple[int, ...]], ArrayLike]
else:
    HasForward = Initializer = PathLike = Any
    ArrayLike = Array = DTypeOf = DType = Axis = Axes = Shape = Widths = Index = Any
