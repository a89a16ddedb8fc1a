"""Variable: an array that remembers how it was computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from xdl import backend
from xdl.arguments import explained
from xdl.backend import NAMESPACES, Device
from xdl.core import mode
from xdl.core.debug import check_gradients
from xdl.core.methods import Methods
from xdl.core.node import Leaf, backpropagate, holders, keep, remember, touch
from xdl.errors import ArgumentError, DtypeError, GraphError, ShapeError
from xdl.recording import current, not_in_state
from xdl.typing import Array, ArrayLike, DType, DTypeOf

_new = object.__new__


class Variable(Methods):
    """An array on a device, with its gradient if it is trainable.

    Args:
        value: a number, nested lists or an array of any shape; it is copied. Arrays
            keep their dtype; Python numbers and lists of floats become float32.
        name: a str for messages and pictures, or None.
        trainable: whether gradients are computed for it; default: True for floating
            dtypes, False for integers and booleans.
        dtype: convert to this dtype.

    Raises:
        DtypeError: values that are not real numbers or booleans; trainable integers.
        DeviceError: the current device is not usable.

    Example:
        >>> import xdl
        >>> x = xdl.Variable([1.0, 2.0, 3.0], name="x")
        >>> loss = (x * x).sum()
        >>> loss.backward()
        >>> x.grad
        array([2., 4., 6.], dtype=float32)

    Notes:
        Gradients of the Variables that you made add up over backwards until
        ``clear_grad``. A result that you still hold when a backward passes gets its
        ``grad`` too, that of the last backward alone.
        ``==`` is elementwise; the hash is identity. The operations of ``xdl.ops`` are
        operators and methods here too.
    """

    __slots__ = [
        "__weakref__",
        "_full",
        "_is_data",
        "_name",
        "_node",
        "_value",
        "_was_made",
        "_was_trainable",
    ]

    _full: Any
    _is_data: bool
    _name: str | None
    _node: Any
    _value: Any
    _was_made: bool
    _was_trainable: bool

    @explained
    def __init__(
        self,
        value: Any,
        name: str | None = None,
        trainable: bool | None = None,
        dtype: DType | None = None,
    ) -> None:
        if isinstance(value, Variable):
            value = value._value if dtype is None else value._in_full()
        dtype = None if dtype is None else backend.parse_dtype(dtype)
        array = backend.asarray(value, dtype=dtype)
        self._value = NAMESPACES[type(array)].copy(array)
        self._name, self._node, self._was_made = name, None, True
        self.trainable = backend.is_floating(array) if trainable is None else trainable

    @classmethod
    def _of(cls, array, node=None, is_data=False):
        """Make a Variable of an array without a copy: what operations return."""
        variable = _new(cls)
        variable._value = array
        variable._node = node
        if is_data:
            variable._is_data = True
        return variable

    @property
    def value(self) -> Array:
        """The array, of the backend's own type.

        Of a trainable Variable that you made, it is the array itself: write into it
        and the Variable changes. Of all others it is read-only (on the CPU), for a
        graph may hold it. Assigning to ``value`` works on both: the new values are
        cast, moved and copied in; another shape is a ``ShapeError``. A backward
        through a Variable that was changed since its use is a ``GraphError``; a write
        through an array that was fetched before the use is seen in debug mode alone.
        """
        if self._node is None or self._node.op is not None:
            return NAMESPACES[type(self._value)].read_only(self._value)
        keep()
        if holders(self) > _HOLDERS_OF_UNUSED:
            self._remember()  # for a graph may wait for its backward
        return self._value

    @value.setter
    def value(self, new: ArrayLike) -> None:
        self._refuse_if_computed("value")
        if new is not self._value:
            array = self._converted(new, "value")
            self._full = None
            if self._node is None:
                self._value = NAMESPACES[type(array)].copy(array)
            else:
                keep()
                self._value[...] = array
        if self._node is not None:
            touch(self._node)

    def _remember(self):
        """Let a backward through a leaf see what is written into its array by then."""
        if (node := self._node) is not None and node.op is None:
            remember(node, self._value)

    def _converted(self, new, what):
        """Return ``new`` as an array of this Variable's shape, dtype and device."""
        new = new._in_full() if isinstance(new, Variable) else new
        dtype = backend.dtype_name(self._value.dtype)
        array = backend.asarray(new, self.device, dtype)
        if array.shape != self._value.shape:
            raise ShapeError(
                f"{self._label()}.{what}: shape {array.shape} came, "
                f"needed {self._value.shape}"
            )
        return array

    def _in_full(self):
        """Return the array; in float64 where its floating dtype is open (promote)."""
        return self._value if (full := getattr(self, "_full", None)) is None else full

    def _refuse_if_computed(self, what):
        if self._node is not None and self._node.op is not None:
            raise GraphError(
                f"{self._label()}.{what}: it is the result of {self._node.op}, needed "
                "a Variable that you made; detach() it first"
            )

    @property
    def _is_made(self):  # by the user: no result of an operation
        node = self._node
        return node.op is None if node else getattr(self, "_was_made", False)

    @property
    def _is_weight(self):  # trainable, or frozen: no state that no gradient changes
        return self._node is not None or getattr(self, "_was_trainable", False)

    def _label(self):
        return f'Variable "{self.name}"' if self.name else "Variable"

    @property
    def name(self) -> str | None:
        """The str it was named with, or None."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if self._node is not None and self._node.op is None:
            self._node.name = name

    @property
    def trainable(self) -> bool:
        """Whether a backward computes a gradient for it. Only leaves can be set."""
        return self._node is not None

    @trainable.setter
    def trainable(self, on: bool) -> None:
        self._refuse_if_computed("trainable")
        if on and not backend.is_floating(self._value):
            raise DtypeError(
                f"{self._label()}: dtype {self.dtype} cannot be trainable, needed a "
                "floating dtype"
            )
        if not on:
            if self._node is not None:
                self._was_trainable = True
            self._node = None
        elif self._node is None:
            self._full = None
            self._node = Leaf(self._value, self.name)

    @property
    def grad(self) -> Array | Variable | None:
        """The gradient: an array of this shape, dtype and device; None before one came.

        After ``backward(create_graph=True)`` it is a Variable, to be differentiated.
        """
        grad = None if self._node is None else self._node.grad
        if grad is None or isinstance(grad, Variable):
            return grad
        return NAMESPACES[type(grad)].asarray(grad)  # NumPy's scalars too

    @grad.setter
    def grad(self, new: ArrayLike | None) -> None:
        if new is None:
            self.clear_grad()
        elif self._node is None:
            raise GraphError(f"{self._label()}.grad: it is not trainable")
        else:
            self._node.grad = self._converted(new, "grad")

    def clear_grad(self) -> None:
        """Forget the gradient: ``grad`` is None until the next backward."""
        if self._node is not None:
            self._node.grad = None

    def backward(
        self,
        grad: ArrayLike | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Compute the gradients of this Variable by all trainable Variables before it.

        They are added to each Variable's ``grad``.

        Args:
            grad: the gradient by this Variable, of its shape; default: 1, for a
                Variable of one element.
            retain_graph: keep the graph for another backward.
            create_graph: make the gradients Variables with a graph of their own, for
                derivatives of higher order; it retains the graph.

        Raises:
            GraphError: nothing before it is trainable; the graph was freed; a Variable
                was changed after its use.
            ShapeError: ``grad`` has another shape, or is missing and needed.

        Example:
            >>> import xdl
            >>> x = xdl.Variable(3.0)
            >>> (x ** 3).backward(create_graph=True)
            >>> slope = x.grad
            >>> x.clear_grad()
            >>> slope.backward()
            >>> float(slope.item()), float(x.grad)
            (27.0, 18.0)
        """
        if self._node is None:
            raise GraphError(
                f"{self._label()}.backward: nothing that led to it is trainable, or it "
                "was computed under no_grad"
            )
        if current() is not None and self.device.kind != "trace":
            raise GraphError(not_in_state(self._label(), self.shape))
        seed = self._seed(grad, create_graph)
        debug = mode.current()
        check = check_gradients if debug is not None and debug.checks else None
        if create_graph:  # how precise products are stands in the nodes
            with mode.Block(autocast=None, matmul_precision="highest"):
                backpropagate(self._node, seed, True, Variable._of, check)
        else:
            backpropagate(self._node, seed, retain_graph, None, check)

    def _seed(self, grad, create_graph):
        value = self._value
        if grad is not None:
            seed = self._converted(grad, "backward")
        elif value.size == 1:
            seed = NAMESPACES[type(value)].new_ones(value, value.shape)
        else:
            raise ShapeError(
                f"{self._label()}.backward: shape {value.shape} needs a grad of that "
                "shape; only one element has the default 1: take its sum or mean first"
            )
        if not create_graph:
            return seed
        if isinstance(grad, Variable):
            if seed is not grad._value:
                came = backend.dtype_name(grad.dtype)
                raise DtypeError(
                    f"{self._label()}.backward: grad is {came} "
                    f"on {grad.device}, needed {backend.dtype_name(value.dtype)} on "
                    f"{self.device} to keep its graph; convert it first"
                )
            return grad
        return Variable._of(NAMESPACES[type(seed)].asarray(seed))

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes, a tuple of ints."""
        return self._value.shape

    @property
    def dtype(self) -> DTypeOf:
        """The element type, as the backend names it."""
        return self._value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @property
    def device(self) -> Device:
        """The Device that the array lives on."""
        return backend.device_of(self._value)

    def numpy(self) -> Array:
        """Return a copy as a NumPy array on the host."""
        return NAMESPACES[type(host := backend.to_numpy(self._value))].copy(host)

    def item(self) -> float:
        """Return the one element as a Python number; it waits for the GPU.

        Raises:
            ShapeError: there is not exactly one element.
        """
        if self._value.size != 1:
            raise ShapeError(
                f"{self._label()}: shape {self.shape} came where one element was needed"
            )
        return backend.to_numpy(self._value).item()

    def detach(self) -> Variable:
        """Return the same values as a constant: no gradient flows through it."""
        node = self._node
        changes_in_place = node is not None and node.op is None
        xp = NAMESPACES[type(self._value)]
        array = xp.copy(self._value) if changes_in_place else self._value
        constant = Variable._of(array, is_data=getattr(self, "_is_data", False))
        constant._full = getattr(self, "_full", None)
        return constant

    def to(self, device: str) -> Self:
        """Move the array and its gradient to a device, in place.

        Args:
            device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

        Returns:
            This Variable itself, so that optimizers and models that hold it keep it.

        Raises:
            DeviceError: the device is unknown or not usable.
            GraphError: it is the result of an operation and not on that device.
        """
        where = backend.usable(device)
        if where == self.device:
            return self
        if where.kind == "trace":
            raise GraphError(not_in_state(self._label(), self.shape))
        self._refuse_if_computed("to")
        self._full = None
        self._value = backend.to_device(self._value, where)
        node = self._node
        if node is not None:
            touch(node)
            if node.grad is not None:
                node.grad = backend.to_device(self.grad, where)
        return self

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if not backend.is_integer(self._value):
            raise DtypeError(f"{self._label()}: dtype {self.dtype} is no index")
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError(f"{self._label()}: a single number has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Variable]:
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise ArgumentError(
            f"{self._label()}: v[index] = value came, but a graph may hold the array; "
            "use xdl.index_update(v, index, value), or write into v.value[index]"
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        values = repr(backend.to_numpy(self._value)).replace("\n", "\n   ")
        name = f", name={self.name!r}" if self.name else ""
        where = f", device={str(self.device)!r}" if self.device != "cpu" else ""
        return (
            f"Variable({values.removeprefix('array(').removesuffix(')')}{name}{where})"
        )

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __dlpack__(self, **options: Any) -> Any:
        self._refuse_if_computed("__dlpack__")  # as PyTorch does: a graph may hold it
        return self.value.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._value.__dlpack_device__()

    def __deepcopy__(self, memo: Any) -> Variable:
        is_made = self._is_made  # else the copy is a constant, without the graph
        copied = Variable(self._value, self.name, self.trainable and is_made)
        copied._was_made = is_made
        copied._was_trainable = self._is_weight and is_made
        if copied.trainable and self.grad is not None:
            copied.grad = self.grad
        return copied

    def __reduce__(self) -> Any:
        is_leaf = self.trainable and self._is_made
        arguments = backend.to_numpy(self._value), self.name, is_leaf
        made = {"_was_made": self._is_made}
        made["_was_trainable"] = self._is_weight and self._is_made
        return Variable, arguments, (None, made)


def array_of(value: Any) -> Any:
    """Return the array that a Variable holds, as it lies; all else as it is."""
    return value._value if isinstance(value, Variable) else value


_ZERO = backend.from_python(0.0)
_HOLDERS_OF_UNUSED = holders(Variable._of(_ZERO, Leaf(_ZERO, None)))
