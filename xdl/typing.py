"""Types for annotations: what functions of xdl take.

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
    from collections.abc import Iterator, Sequence
    from typing import Protocol, TypeVar

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

    _One = _HasArray | _HasDLPack | float
    ArrayLike = _One | _Nested[_One]
    Axis = int | None
    Axes = int | Sequence[int] | None
    Shape = int | Sequence[int]
else:
    ArrayLike = Axis = Axes = Shape = Any

Array = Any  # of the backend's own type: NumPy's on the CPU, CuPy's on CUDA
DType = Any  # a name as "float32", or what NumPy takes
