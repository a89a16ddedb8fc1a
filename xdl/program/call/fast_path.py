"""The fast path to a replay: a function that asks the least before it runs a program.

A call of a small step costs microseconds, and questions asked in general terms would
cost as many: so their text is written for one program and one state.
"""

from typing import Any

import numpy as np

from xdl.backend import CPU, device_of, namespace, random
from xdl.core import mode
from xdl.core.debug import made_file
from xdl.core.node import tick
from xdl.core.variable import Variable
from xdl.program.errors import Refused
from xdl.program.pytree import mapped
from xdl.recording import revision
from xdl.tracing.values import root

MISS = object()  # the fast path does not fit this call
FEW = 16  # items of a list that are asked after one by one


class FastPath:
    """The fast path for a program that is bound to the arrays of its state.

    Args:
        replay: a bound Replay.
        step: what runs it.
        given: the arguments of a call that fits.
        returned: makes what is returned of an Output and an iterator over results.

    Attributes:
        replay: a function of the step's arguments that replays without questions. It
            answers MISS where one is needed: other arguments, a changed state or
            hyperparameter.
        fits: a function of the arguments that tells whether ``replay`` has an answer.
        count: how many arguments there are.
    """

    def __init__(self, replay, step, given, returned):
        self._program, self._slots = replay.program, replay.state.slots
        self._executor, self._watch = replay.executor, replay.state.watch
        names: dict[str, Any] = {
            "revision": revision,
            "now": revision.number,
            "MISS": MISS,
            "tick": tick,
        }
        names |= {"step": step, "Variable": Variable}
        names |= {"new": object.__new__, "asarray": np.asarray, "Refused": Refused}
        names |= {"mapped": mapped, "outputs": self._program.outputs}
        names |= {"returned": returned, "mode": mode.current, "usual": mode.current()}
        names["memory"] = {id(root(slot.get())) for slot in self._slots}
        names |= {"seen": replay.seen, "end": replay.holding.end}
        names["next_draw"] = random.next_draw
        self._names, self.count = names, len(given)
        self._write(given)
        self.replay, self.fits = names["replay"], names["fits"]

    def takes(self, arguments):
        """Tell whether there is an answer for a list of arguments, however many."""
        return len(arguments) == self.count and self.fits(*arguments)

    def is_still(self, given, watch):
        """Tell whether it is the fast path for arguments after a call in full.

        Args:
            given: the arguments.
            watch: the Watch of the state now.
        """
        if self._watch is not watch and (self._watch.lists or watch.lists):
            return False  # it asks after other lists
        self._names["now"] = revision.number
        return self.fits(*given)

    def _write(self, given):
        every = ["revision.number != now", "mode() != usual", *self._of_state()]
        every += self._of_lists()
        if self._program.outside:
            self._names["is_same"] = self._program.outside.is_same
            every.append("not is_same()")
        few = list(every)
        asked = getattr(self._executor, "asks", ())  # an executor may ask by itself
        for i, x in enumerate(given):
            of_input = self._of_input(i, x)
            every += of_input
            few += [] if i in asked else of_input
        listed = "".join(f"x{i}, " for i in range(len(given)))
        lines = [f"def fits({listed}):", f"    return not ({' or '.join(every)})"]
        lines += [f"def replay({listed}):", f"    if {' or '.join(few)}:"]
        changes = [*self._run(listed), *self._noted()]
        if getattr(self._executor, "holds", False):
            changes = ["    try:", *["    " + line for line in changes]]
            changes += ["    finally:", "        end()"]
        lines += ["        return MISS", *changes]
        text = "\n".join([*lines, *self._returned()])
        exec(compile(text, made_file(self, "fast path", text), "exec"), self._names)

    def _of_input(self, i, x):
        """Return texts of what would make ``x{i}`` another argument than ``x``."""
        self._names |= {f"shape{i}": x.shape, f"dtype{i}": x.dtype}
        self._names |= {f"strides{i}": x.strides, f"kind{i}": type(x)}
        tests = [f"type(x{i}) is not kind{i}", f"x{i}.shape != shape{i}"]
        tests.append(f"x{i}.dtype is not dtype{i}")
        tests.append(f"x{i}.strides != strides{i}")
        arrays = [slot.get() for slot in self._slots if not slot.is_grad]
        if x.dtype in {array.dtype for array in arrays}:
            tests.append(f"id(x{i} if x{i}.base is None else x{i}.base) in memory")
        return tests

    def _of_state(self):
        """Return texts of what would make the state another one."""
        tests = []
        for i, slot in enumerate(self._slots):
            self._names |= {f"v{i}": slot.variable, f"a{i}": slot.get()}
            self._names[f"node{i}"] = slot.variable._node
            if not slot.is_grad:
                tests.append(f"v{i}._value is not a{i}")
                continue
            tests.append(f"v{i}._node is not node{i}")
            if slot.variable.trainable:
                tests.append(f"node{i}.grad is not None")
        return tests

    def _of_lists(self):
        """Return texts of what would make the lists of the layers other ones."""
        tests = []
        for i, (one, before) in enumerate(self._watch.lists):
            if type(one) is not list or len(before) > FEW:
                self._names["has_changed"] = self._watch.has_changed
                return ["has_changed()"]
            self._names[f"l{i}"] = one
            self._names |= {f"l{i}_{j}": item for j, item in enumerate(before)}
            tests.append(f"len(l{i}) != {len(before)}")
            tests += [f"l{i}[{j}] is not l{i}_{j}" for j in range(len(before))]
        return tests

    def _run(self, listed):
        if hasattr(self._executor, "direct"):
            return self._executor.direct(self._names)
        if not self._program.draws:
            return [f"    results = step({listed}0, 0)"]
        return [
            f"    results = step({listed}*next_draw(0))",
            f"    next_draw({self._program.draws})",
        ]

    def _noted(self):
        """Return the lines that note which Variables have changed."""
        touched = [u.slot for u in self._program.updates]
        nodes = [i for i in touched if self._names[f"node{i}"] is not None]
        lines = ["    index = tick()"] if nodes or self._program.attributes else []
        if self._program.attributes:
            lines.append("    seen[0] = index")
        return [
            *lines,
            *[f"    node{i}.index = index; node{i}.written = ()" for i in nodes],
        ]

    def _returned(self):
        if getattr(self._program.outputs, "kind", None) == "variable":
            executor = self._executor
            is_on_gpu = getattr(executor, "device", "cpu") == "cuda"
            is_array = hasattr(executor, "direct") or is_on_gpu
            made = "results[0]" if is_array else "asarray(results[0])"
            lines = ["    out = new(Variable)", f"    out._value = {made}"]
            return [*lines, "    out._node = None", "    return out"]
        lines = ["    results = iter(results)"]
        return [*lines, "    return mapped(outputs, lambda o: returned(o, results))"]


def fast_path(replay, step, given, returned):
    """Return the FastPath of a Replay, or None if it has none.

    There is none for nested arguments and state that is replaced.
    """
    program = replay.program
    is_plain = all(map(_is_plain, given))
    replaces = any(not u.in_place for u in program.updates)
    draws = program.draws and hasattr(replay.executor, "direct")
    if not is_plain or replaces or draws or replay.executor.given_slots:
        return None
    return FastPath(replay, step, given, returned)


def _is_plain(x):
    """Tell whether an argument is an array; NumPy's numbers are none."""
    if type(x) is np.ndarray:
        return True
    return namespace(x) is not None and device_of(x) != CPU
