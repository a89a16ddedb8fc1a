"""Names: how the text of a program calls what it computes with."""

import keyword
import re

from xdl.program.passes.coverage import covered
from xdl.tracing.values import Value, dense, is_given

# What the text calls its own values and functions.
_OWN = re.compile(
    r"[a-z]\d*|(at|cut|part|piece)\d+|begin|buffer|draw|kept|key|listed|step|Refused"
)


class Names:
    """The names of Values and objects in a text, and the text of arguments.

    Attributes:
        planned: the lines that run once.
        body: the lines of the function.
        names: from name to object: constants, dtypes and functions of the text.
        states: from name to slot number.
        numbers: from name to (number, dtype): hyperparameters as arrays.
        given_slots: the slots whose arrays each call is given.
    """

    def __init__(self, program, plan):
        self.program, self.plan = program, plan
        self.planned, self.body, self.names, self.states = [], [], {}, {}
        self._name_of, self._bound = {}, set()
        self.given_slots = []
        self.numbers, self._made, self._called = {}, {}, set()
        self._covered = covered(program)
        self._replaced = {u.slot for u in program.updates if not u.in_place}
        for i, value in enumerate(program.inputs):
            if value is not None:
                self._name_of[value] = f"x{i}"

    def name(self, value):
        """Return the name of a Value; it is made at its first mention."""
        name = self._name_of.get(value)
        if name is not None:
            return name
        count = len(self._name_of)
        if value.origin == "number":
            name = f"n{value.data}"
        elif value.origin == "state":
            name = f"s{value.data}"
            self._add_state(value, name)
        elif is_given(value):
            name = f"c{count}"
            self.names[name] = dense(value)
            self._bound.add(value)
        else:
            name = f"t{count}"
        self._name_of[value] = name
        return name

    def _add_state(self, value, name):
        """Name an array of the state: bound, or given at each call if replaced."""
        if value.data in self._replaced:
            self.given_slots.append(value.data)
        else:
            self.states[name] = value.data
            self._bound.add(value)

    def _once(self, text, name):
        """Plan what is made once; return its name: equal texts make one thing.

        Args:
            text: what makes it, of names that never change.
            name: what it is called if it is new, with a number behind it if need be.
        """
        if text not in self._made:
            if name in self._called:
                name = f"{name}_{len(self.planned)}"
            self._called.add(name)
            self._made[text] = name
            self.planned.append(f"{name} = {text}")
        return self._made[text]

    def text(self, nested):
        """Return the text of an argument."""
        kind = type(nested)
        if kind is Value:
            return self._name_of.get(nested) or self.name(nested)
        if nested is None or kind in (int, str, bool):
            return repr(nested)
        if kind is slice:
            parts = (nested.start, nested.stop, nested.step)
            return f"slice({', '.join(map(self.text, parts))})"
        if kind is tuple or kind is list:
            inner = ", ".join(map(self.text, nested))
            return f"({inner},)" if len(nested) == 1 else f"({inner})"
        if nested is Ellipsis:
            return "..."
        if kind is float and nested == nested and abs(nested) != float("inf"):
            return repr(nested)
        return self.object(nested)

    def _index(self, index):
        """Return the text that stands in brackets."""
        parts = index if isinstance(index, tuple) else (index,)
        return ", ".join(map(self._part, parts)) or "()"

    def _part(self, part):
        if type(part) is not slice:
            return self.text(part)
        bounds = (part.start, part.stop, part.step)
        texts = ["" if bound is None else self.text(bound) for bound in bounds]
        return ":".join(texts if texts[2] else texts[:2])

    def object(self, thing):
        """Return a name for an object of the text: a dtype, a function."""
        name = getattr(thing, "__name__", "")
        if not _is_free(name):
            name = f"k{len(self.names)}"
        while self.names.get(name, thing) is not thing:
            name += "_"
        self.names[name] = thing
        return name

    def _is_bound(self, value):
        self.name(value)
        return value in self._bound


def _is_free(name):
    """Tell whether a name that an object says to have may stand in a text."""
    is_name = isinstance(name, str) and name.isascii() and name.isidentifier()
    return is_name and not keyword.iskeyword(name) and not _OWN.fullmatch(name)
