"""The state of a step: what it reads and changes besides its arguments."""

import contextlib
from typing import Any

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.core.module import Module
from xdl.core.node import touch
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable, array_of
from xdl.core.watch import Watch
from xdl.errors import ArgumentError, GraphError
from xdl.optim.ranges import Checked
from xdl.optim.stored import Stored
from xdl.program.program import Update
from xdl.program.record.lost import Lost
from xdl.tracing.namespace import Number, Traced, value_now
from xdl.tracing.values import Value, root
from xdl.uninterrupted import Uninterrupted


class Slot:
    """A place that holds an array of the state: a Variable's value, or its gradient."""

    def __init__(self, variable, is_grad, label):
        self.variable, self.is_grad, self.label = variable, is_grad, label

    def get(self):
        """Return the array, or None where there is no gradient."""
        if not self.is_grad:
            return self.variable._value
        node = self.variable._node
        grad = None if node is None else node.grad
        return array_of(grad)

    def place(self, array):
        """Let the Variable hold this very array."""
        if not self.is_grad:
            self.variable._value = array
        elif self.variable._node is not None:
            self.variable._node.grad = array

    def touch(self):
        """Note that the value has changed."""
        if not self.is_grad and self.variable._node is not None:
            touch(self.variable._node)


def _copied(array):
    xp = NAMESPACES[type(array)]
    return xp.copy(xp.asarray(array))


class State:
    """All Variables, layers and hyperparameters of what was given to ``compile``.

    Args:
        sources: Modules, optimizers, averages, Parameters and Variables.

    Attributes:
        changed: the numbers of the slots that recorded steps change.

    Raises:
        ArgumentError: something else came.
    """

    def __init__(self, sources):
        self.sources = sources
        self.changed, self._before = set(), None
        self.variables: dict[Any, Any] = {}
        self.modules: list[Any] = []
        self.checked: list[Any] = []
        self._stores: list[Any] = []
        for source in sources:
            self._take(source)
        self.watch = Watch(*self._stores)
        self.slots = [
            Slot(variable, is_grad, label)
            for variable, label in self.variables.values()
            for is_grad in (False, True)
            if not is_grad or backend.is_floating(variable._value)
        ]
        self.numbers = [
            (owner, name, position)
            for owner in self.checked
            for name in owner.ranges
            for position in _positions(getattr(owner, name))
        ]

    def _take(self, source):
        if isinstance(source, Module):
            self.modules += list(source.modules())
        if isinstance(source, Variable):
            self._add(source, source.name or "")
        elif isinstance(source, Parameter):
            self._stores.append(source)
            for name, variable in source.items():
                self._add(variable, name)
        elif isinstance(source, Checked) or hasattr(source, "parameter"):
            self.checked += _checked_in(source)
            if isinstance(source, Stored):
                source.look_again()
            stores = [s for s in vars(source).values() if isinstance(s, Parameter)]
            for store in stores:
                self._take(store)
        else:
            raise ArgumentError(
                f"compile: {type(source).__name__} came as state, needed a Module, an "
                "optimizer, a Parameter or a Variable"
            )

    def _add(self, variable, label):
        self.variables.setdefault(id(variable), (variable, label))

    def refuse_aliases(self, given):
        """Refuse arguments, flat, that share memory with the state."""
        known = {id(root(slot.get())): slot for slot in self.slots}
        for leaf in given:
            array = array_of(leaf)
            slot = known.get(id(root(array)))
            if slot is not None and backend.namespace(array) is not None:
                raise ArgumentError(
                    f"compile: an argument shares the memory of {slot.label}, which is "
                    "in the state of the step; pass a copy"
                )

    def layout(self):
        """Return which Variables and layers there are, and in what order."""
        named = [(id(one), label) for one, label in self.variables.values()]
        return named, [id(module) for module in self.modules]

    def key(self):
        """Return what a program depends on besides its arguments' kinds, hashable."""
        return (
            self._modes(),
            tuple([variable.trainable for variable, _ in self.variables.values()]),
            tuple([_kind(slot.get(), slot.is_grad) for slot in self.slots]),
            tuple([_fixed(owner) for owner in self.checked]),
        )

    def _modes(self):
        return tuple([module.is_training for module in self.modules])

    def read_numbers(self):
        """Return the hyperparameters that are Python floats, as they are now."""
        return [
            value if position is None else value[position]
            for owner, name, position in self.numbers
            for value in (owner.__dict__[name],)
        ]

    @contextlib.contextmanager
    def traced(self, recording):
        """Let what is done to the state be recorded, and give its arrays back after."""
        held = [slot.get() for slot in self.slots]
        options = [dict(vars(owner)) for owner in self.checked]
        self._before = held, options
        recording.owners = [s for s in self.sources if not isinstance(s, Variable)]
        self._values = [
            None if array is None else Value(array, "state", i)
            for i, array in enumerate(held)
        ]
        self._placed = [
            None if array is None else Traced(array, value, is_lent=True)
            for array, value in zip(held, self._values, strict=True)
        ]
        try:
            for slot, traced in zip(self.slots, self._placed, strict=True):
                slot.place(traced)
            for i, number in enumerate(self.read_numbers()):
                self._place_number(i, Number(number, Value(number, "number", i)))
            modes, placed = self._modes(), [dict(vars(owner)) for owner in self.checked]
            yield
            self._refuse_set(modes, placed)
        finally:
            try:
                self._give_back(held, options)
            except BaseException:  # a signal came before they could wait
                self._give_back(held, options)
                raise

    def _give_back(self, held, options):
        with Uninterrupted():
            self._placed, self._values = [], []
            self.give_back()

    def give_back(self):
        """Let the state hold its own arrays again; tell whether it held copies."""
        if self._before is None:
            return False
        held, options = self._before
        for slot, array in zip(self.slots, held, strict=True):
            slot.place(array)
        for owner, before in zip(self.checked, options, strict=True):
            owner.__dict__.update({name: before[name] for name in owner.ranges})
        self._before = None
        return True

    def lose(self):
        """Refuse every use of what steps change: they may have been half done."""
        for i in self.changed:
            self.slots[i].place(Lost(self.slots[i].label))

    def _refuse_set(self, modes, placed):
        """Refuse what a replay would not repeat: options and modes set in the step."""
        if modes != self._modes():
            raise GraphError(
                "compile: train() or eval() was called in the step; call it between "
                "the calls"
            )
        for owner, before in zip(self.checked, placed, strict=True):
            for name in owner.ranges:
                if owner.__dict__[name] is not before[name]:
                    raise GraphError(
                        f"compile: {type(owner).__name__}.{name} was set in the step; "
                        "set it, and step schedules, between the calls"
                    )

    def _place_number(self, i, number):
        owner, name, position = self.numbers[i]
        if position is not None:
            changed = list(owner.__dict__[name])
            changed[position] = number
            number = tuple(changed)
        owner.__dict__[name] = number

    def changes(self, held):
        """Return the Updates of a step, and the real arrays for them.

        Args:
            held: what the slots held before.
        """
        updates, arrays = [], []
        for i, (slot, before) in enumerate(zip(self.slots, held, strict=True)):
            now, placed = slot.get(), self._placed[i]
            value = None if now is None else value_now(now)
            is_same = now is placed and value == self._values[i]
            if is_same or (now is before is None):
                continue
            arrays.append(None if now is None else now.array)
            updates.append(Update(i, value, now is placed and not slot.is_grad))
        self.changed.update(update.slot for update in updates)
        return updates, arrays

    def write(self, updates, arrays):
        """Do all Updates, or none; ``arrays`` is what ``changes`` returned."""
        pairs = zip(updates, arrays, strict=True)
        made = [a if u.in_place or a is None else _copied(a) for u, a in pairs]
        with Uninterrupted():
            for update, array in zip(updates, made, strict=True):
                slot = self.slots[update.slot]
                if update.in_place:
                    slot.variable._value[...] = array
                else:
                    slot.place(array)
                slot.touch()


def _checked_in(source):
    """Return what has options: an optimizer, and its groups."""
    if not isinstance(source, Checked):
        return []
    return [source, *getattr(source, "groups", ())]


def _positions(option):
    if isinstance(option, float):
        return [None]
    return range(len(option)) if isinstance(option, tuple) else []


def _kind(array, is_grad):
    """Return what a program depends on: of what is written into how it lies, too."""
    if array is None:
        return None
    strides = None if is_grad else getattr(array, "strides", None)
    return type(array), array.shape, array.dtype, strides


def _fixed(owner):
    options = owner.options()
    return tuple(
        [None if isinstance(v, float | tuple) else v for v in options.values()]
    )
