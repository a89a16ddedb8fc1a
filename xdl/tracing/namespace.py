"""The namespace that writes down: ``xdl.compile`` runs a step once through it.

A ``Traced`` is a real array with its Value in the recording. Every function computes on
the real arrays, with the namespace that these belong to, and adds an instruction.
Reading a number out of a Traced is an error: a program could not repeat the decision.
"""

import contextlib
import operator
import sys
import types
from typing import Any

from xdl import backend
from xdl.backend import numpy as host
from xdl.backend.device import Device
from xdl.errors import GraphError
from xdl.recording import active, for_any_length
from xdl.tracing.instructions import TABLE, Kind
from xdl.tracing.number import Number
from xdl.tracing.operators import install
from xdl.tracing.values import axes_back, is_there, root

TRACE = str.__new__(Device, "trace")  # where the arrays of a recording live

_NONE: Any = types.MappingProxyType({})  # the options of most instructions


def _of_the_array(name):
    return property(operator.attrgetter(f"array.{name}"), doc=f"Its {name}.")


def _size_of_the_array(name):
    return property(lambda x: _told(getattr(x.array, name)), doc=f"Its {name}.")


def _told(size):
    if for_any_length():
        active().note_asked(size, sys._getframe(2))
    return size


class Traced:
    """A real array whose every use is written down.

    Attributes:
        array: the real array.
        value: its Value now; writing into the array gives it a new one.
        viewed: what it is a view of: (the Traced, that one's Value at the time), or
            None.
        view: the Instruction that makes it of that.
        is_lent: whether the array must stay as it is: it is copied to be written into.
    """

    __slots__ = ("__weakref__", "array", "is_lent", "value", "view", "viewed")
    view: Any
    viewed: Any
    __array_ufunc__ = None  # NumPy's arrays leave operators to this class

    def __init__(self, array, value, is_lent=False):
        self.array, self.value, self.viewed = array, value, None
        self.is_lent = is_lent

    shape = _size_of_the_array("shape")
    dtype = _of_the_array("dtype")
    ndim = _of_the_array("ndim")
    size = _size_of_the_array("size")
    nbytes = _size_of_the_array("nbytes")
    itemsize = _of_the_array("itemsize")

    @property
    def mT(self):  # noqa: N802 (the standard's name)
        """The last two axes exchanged."""
        return trace.matrix_transpose(self)

    @property
    def T(self):  # noqa: N802 (the standard's name)
        """The axes reversed."""
        return trace.permute_dims(self, tuple(range(self.ndim))[::-1])

    def __len__(self):
        return _told(len(self.array))

    def __getattr__(self, name):
        raise AttributeError(
            f"compile: an array of the step has no {name!r}; use the functions of xdl, "
            "or those of xp in a kernel"
        )

    def __getitem__(self, index):
        return trace.getitem(self, index)

    def __setitem__(self, index, new):
        index, new = _brought(index), _brought(new)
        if type(new) is Traced and is_there(self.value, _value(index), new.value):
            return  # the end of `self[index] += x`, which has written into its view
        if index is Ellipsis and _fits(new, self):
            value = value_now(new)
            self._put(..., new.array)
            self._become(value, new.array)
            return
        arguments = (value_now(self), _value(index), _value(new))
        self._put(_real(index), _real(new))
        recording = active()
        self._become(recording.add("set_at", arguments, _NONE, self.array), self.array)

    def _put(self, index, new):
        """Write into the real array."""
        self._own()
        self.array[index] = new

    def _own(self):
        """Have an array that may be written into.

        Raises:
            GraphError: it repeats elements of another one.
        """
        view = self.view if self.viewed is not None else None
        if view is not None and view.row.kind == Kind.BROADCAST:
            raise GraphError(
                f"compile: what {view.name} gave is written into; make a copy first"
            )
        if self.is_lent:
            self.array, self.is_lent = active().xp.copy(self.array), False
        elif self.viewed is not None:
            self.viewed[0]._own()
            self._look_again()

    def _look_again(self):
        """See the array that this is a view of as it is now."""
        base, view = self.viewed[0].array, self.view
        if root(base) is not root(self.array):
            function = getattr(active().xp, view.name)
            self.array = function(base, *view.arguments[1:], **view.options)

    def _become(self, value, array):
        """Take a new Value after a write, and write it into what this is a view of.

        Args:
            value: the new Value.
            array: the real array of it, as it lies in memory.
        """
        self.value = value
        if self.viewed is None:
            return
        (base, _), view = self.viewed, self.view
        name = "reshape"
        arguments: tuple[Any, ...] = (value, base.shape)
        if view.row.kind == Kind.PART:
            name, arguments = "set_at", (value_now(base), view.arguments[1], value)
            array = base.array
        elif view.row.kind == Kind.TRANSPOSE:
            axes = axes_back(view, base.ndim)
            name, arguments = "permute_dims", (value, axes)
            array = array.transpose(axes)
        else:
            array = base.array
        changed = active().add(name, arguments, _NONE, array)
        changed.origin.is_view = view.row.kind == Kind.TRANSPOSE
        base._become(changed, array)
        self.viewed = base, base.value

    def _refuse(self, *arguments, **options):
        """Raise the error: Python cannot have a value that changes."""
        raise GraphError(
            "compile: a value of the step was read in Python (if, float, item, numpy), "
            "but it is another one at every call; return it from the function, or "
            "decide with xdl.where"
        )

    __bool__ = __float__ = __int__ = __index__ = __array__ = __iter__ = _refuse
    __dlpack__ = __dlpack_device__ = item = tolist = tobytes = _refuse
    __hash__ = object.__hash__

    def __repr__(self):
        return f"Traced(shape={self.shape}, dtype={self.dtype})"


def _fits(new, old):
    if type(new) is not Traced:
        return False
    return new.shape == old.shape and new.dtype == old.dtype


def _refuse_mask(index):
    """Refuse to pick by a mask that is not always the same."""
    is_mask = type(index) is Traced and backend.dtype_name(index.dtype) == "bool"
    if is_mask and index.value.origin != "constant":
        raise GraphError(
            "compile: a mask picks another number of elements at every call; keep the "
            "shape, with xdl.where"
        )
    if is_mask:
        active().looked_at.append(index.array)


def value_now(traced):
    """Return the Value of a Traced; of a view, made anew if its base was changed."""
    if traced.viewed is not None:
        base, seen = traced.viewed
        now = value_now(base)
        if now is not seen:
            traced._look_again()
            view = traced.view
            value = active().add(
                view.name, (now, *view.arguments[1:]), view.options, traced.array
            )
            value.origin.is_view = True
            traced.value, traced.viewed, traced.view = value, (base, now), value.origin
    return traced.value


def _real(nested):
    """Return what came with real arrays and numbers in the place of recorded ones."""
    kind = type(nested)
    if kind is Traced:
        return nested.array
    if kind is tuple or kind is list:
        return kind([_real(item) for item in nested])
    return nested.number if kind is Number else nested


def _value(nested):
    """Return what came with Values in the place of recorded arrays and numbers."""
    kind = type(nested)
    if kind is Traced:
        return nested.value if nested.viewed is None else value_now(nested)
    if kind is tuple or kind is list:
        return tuple([_value(item) for item in nested])
    return nested.value if kind is Number else nested


def _brought(nested):
    """Return what came with its plain arrays made constants of the recording."""
    kind = type(nested)
    if kind is tuple or kind is list:
        return kind([_brought(item) for item in nested])
    if kind is not Traced and kind in backend.ARRAYS:
        return _constant(nested)
    return nested


def _constant(array):
    recording = active()
    array = backend.to_device(array, recording.where)
    return Traced(array, recording.constant(array))


def _recorded(name):
    """Return the function of this namespace that calls ``name`` and writes it down."""

    # Kernels have what is bitwise as operators alone.
    by_operator = None if hasattr(host, name) else TABLE[name].operator

    def call(*arguments, **options):
        recording = active()
        recording.place()  # so that nothing is kept of the kernel before
        arguments = _brought(arguments)
        function = by_operator or getattr(recording.xp, name)
        values, by_name = _value(arguments), _NONE
        if options:
            options = {key: _brought(option) for key, option in options.items()}
            by_name = {key: _value(option) for key, option in options.items()}
            options = {key: _real(option) for key, option in options.items()}
        with recording.xp.quiet():
            real = function(*_real(arguments), **options)
        value = recording.add(name, values, by_name, real)
        traced = Traced(real, value)
        if _is_view(arguments, real):
            value.origin.is_view = True
            base = arguments[0]
            traced.viewed, traced.view = (base, base.value), value.origin
        return traced

    call.__name__ = name
    return call


def _is_view(arguments, real):
    first = arguments[0] if arguments else None
    if type(first) is not Traced or getattr(real, "base", None) is None:
        return False
    return real is not first.array and root(real) is root(first.array)


class Trace:
    """The namespace: the names of the one that computes, each recorded."""

    fused = tensor_cores = None  # a program is of what every device has

    @property
    def BLOCK(self):  # noqa: N802 (a constant of every namespace)
        """As in the namespace that computes."""
        return active().xp.BLOCK

    def __getattr__(self, name):
        found, row = getattr(host, name, None), TABLE.get(name)
        if isinstance(found, type):
            return found  # a dtype
        if row is None or (found or row.operator) is None:
            raise AttributeError(f"compile: there is no instruction {name!r}")
        function = _recorded(name)
        setattr(self, name, function)  # found at once the next time
        return function

    def getitem(self, x, index):
        """Return ``x[index]``; a part that shares memory writes through to ``x``."""
        index = _brought(index)
        for one in index if isinstance(index, tuple) else (index,):
            _refuse_mask(one)
        return self._getitem(x, index)

    _getitem = staticmethod(_recorded("getitem"))

    def random_bits(self, like, shape, width, key, number):
        """Return random bits, named by their distance from the step's first draw."""
        recording = active()
        first_key, first_number = recording.stream
        if key != first_key or number < first_number:
            raise GraphError(
                "compile: random bits of another seed were drawn in the step; call "
                "xdl.seed outside of it"
            )
        real = recording.xp.random_bits(like.array, shape, width, key, number)
        arguments = (value_now(like), shape, width, number - first_number)
        return Traced(real, recording.add("random_bits", arguments, {}, real))

    def reserve(self, nbytes):
        """Do nothing: a replay knows what it takes."""

    def check_indices(self, indices, size, who, error):
        """Check now, and write down that every call checks."""
        recording = active()
        value = value_now(indices)
        recording.xp.check_indices(indices.array, size, who, error)
        recording.add("check_indices", (value, size), _NONE, None)

    def has_non_finite(self, x):
        """Answer False, and write down that every call refuses what is not finite."""
        recording = active()
        value = value_now(x)
        if recording.xp.has_non_finite(x.array):
            return True
        recording.add("refuse_non_finite", (value,), {}, None)
        return False

    def is_within(self, x, limit):
        """Answer truly, and write down that every call refuses another answer."""
        recording = active()
        value = value_now(x)
        if not recording.xp.is_within(x.array, limit):
            return False
        recording.add("refuse_non_finite", (value, limit), {}, None)
        return True

    def asarray(self, x):
        """Return ``x`` as an array of the recording."""
        return x if type(x) is Traced else _constant(backend.asarray(x, active().where))

    def astype(self, x, dtype):
        """Return ``x`` with a dtype: itself if it has it."""
        return x if x.dtype == dtype else self._astype(x, dtype)

    _astype = staticmethod(_recorded("astype"))

    def quiet(self):
        """Return a context that does nothing: what is recorded never warns."""
        return contextlib.nullcontext()

    def owns(self, x):
        """Answer False: a copy that is not needed is left out of the program later."""
        return False

    def read_only(self, x):
        """Return ``x``: nobody but kernels has it."""
        return x


trace: Any = Trace()


class _Library:
    """How the arrays of a recording are moved and placed."""

    kind = "trace"

    @staticmethod
    def to_numpy(array):
        return array._refuse()

    @staticmethod
    def from_numpy(array, where):
        return _constant(array)

    @staticmethod
    def device_of(array):
        return TRACE


install(Traced, trace)
backend.register(Traced, trace, _Library)
backend.NUMBERS.add(Number)
