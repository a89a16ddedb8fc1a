"""Compiled: a step that is recorded at its first call and replayed from then on."""

import threading
import warnings
from operator import is_

from xdl import backend
from xdl.backend import NAMESPACES, random
from xdl.backend.recording import current, root
from xdl.core import mode
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, GraphError
from xdl.program.batches import over
from xdl.program.interpreter import Refused
from xdl.program.nest import leaves, mapped
from xdl.program.numpy_executor import executor_of
from xdl.program.passes import improved
from xdl.program.perturbed import Perturbed
from xdl.program.record import device_of_state, given_as, prepared, record, result_of
from xdl.program.replay import Replay
from xdl.program.short import MISS
from xdl.program.state import State
from xdl.program.verify import Snapshot, compared, copied, give_memory_back, results

MOST = 64  # programs that are kept of one step


class Compiled:
    """A step that was given to ``xdl.compile``; call it like the function.

    Attributes:
        program: the Program of the last call; None before the first.
    """

    def __init__(self, function, sources, executor, verify):
        self.function, self.verify = function, verify
        self._sources, self._executor = sources, executor_of(executor)
        self._lock = threading.RLock()
        self._acquire, self._release = self._lock.acquire, self._lock.release
        self._begin()

    def _begin(self):
        """Look the state up anew, and forget all programs."""
        self.state = State(self._sources)
        self._replays = {}  # by their numbers; the one that was used last stands last
        self._recordings, self._floats_vary = 0, True
        self._short: tuple = (None, 0)  # a function, and how many arguments it takes
        self._last: tuple = (None, None)
        self.program = None

    def __call__(self, *arguments, **named):
        """Do the step; return what the function returns.

        Raises:
            ArgumentError: an argument came by name.
        """
        if named:
            raise ArgumentError(
                f"compile: {', '.join(named)} came by name, needed arguments by place"
            )
        short, count = self._short
        if short is not None and len(arguments) == count and self._acquire(False):
            try:
                returned = short(*arguments)
                if returned is not MISS:
                    return returned
            except Refused:
                return self._eager(arguments)
            finally:
                self._release()
        with self._lock:
            return self._by_a_known_short_way(arguments)

    def _by_a_known_short_way(self, arguments):
        """Do the step with a program that was used before, if one fits, or in full."""
        for i, replay in reversed(self._replays.items()):
            short = replay.short
            if short is not None and short.takes(arguments):
                self._use(i, short)
                try:
                    returned = short.replay(*arguments)
                except Refused:
                    return self._eager(arguments)
                return self._in_full(arguments) if returned is MISS else returned
        return self._in_full(arguments)

    def _use(self, i, short):
        """Note which program was used last, and the short way to it, or None."""
        replay = self._replays[i] = self._replays.pop(i)
        self.program, self._last = replay.program, (replay, short)
        self._short = (None, 0) if short is None else (short.replay, short.count)

    def over(self, *arguments):
        """Do the step for many batches, in order, in one call.

        It is what as many calls do, one after the other: the same results, updates and
        random draws. The ``numba`` executor runs small steps in one native loop, so
        that a step costs no Python at all.

        Args:
            *arguments: those of the step; each array and constant Variable with the
                batches stacked along a first axis (n, ...). Python values stay as they
                are, for every batch.

        Returns:
            What the step returns, with the results of all batches stacked: a Variable
            or array (n, ...) for each one of it, a list for a Python value.

        Raises:
            ShapeError: the first axes differ, or there is none.
            EmptyBatchError: there are no batches.
            ArgumentError: there is no array.
            Exception: what a step raises; a note says in which batch. The state is
                then as the batches before it left it.

        Example:
            >>> import numpy as np, xdl
            >>> model = xdl.models.LinearModel(3, 2)
            >>> optimizer = xdl.SGD(model, lr=0.1)
            >>> def step(x, target):
            ...     model.forward(x)
            ...     loss = model.loss(target)
            ...     model.backward()
            ...     optimizer.update()
            ...     return loss
            >>> fast_step = xdl.compile(step, model, optimizer)
            >>> x = np.ones((20, 4, 3), np.float32)
            >>> losses = fast_step.over(x, np.zeros((20, 4), int))
            >>> losses.shape
            (20,)
            >>> losses[19].item() < losses[0].item()
            True
        """
        with self._lock:
            return over(self, arguments)

    def native_steps(self, given, arguments, first, end):
        """Do as many steps as one native call can; return how many, and their results.

        Args:
            given: the arguments of the first of them.
            arguments: those of ``over``.
            first, end: the numbers of the steps.
        """
        replay, short = self._last
        if short is None or not hasattr(replay.executor, "many"):
            return 0, None
        if not short.takes(given):
            return 0, None
        return replay.run_many(arguments, first, end)

    def _in_full(self, arguments):
        if current() is not None:
            raise GraphError(
                "compile: a compiled step was called while one is recorded"
            )
        self._look_for_new_variables()
        arguments = self._taken(arguments)
        given = leaves(arguments)
        unusual = mode.current()
        if unusual is not None and unusual.checks:
            return self._eager(arguments)  # debug mode looks at every operation
        nesting = repr(mapped(arguments, lambda leaf: None))
        key = (unusual, nesting, self._kinds(given), self.state.key())
        numbers = self.state.read_numbers()
        numbers += [leaf for leaf in given if type(leaf) is float]
        i = self._known(key, numbers)
        if i is None:
            return self._recorded(key, arguments, given, numbers)
        replay = self._replays[i]
        self._use(i, None)
        if replay.program.has_floats and not replay.computes(numbers):
            return self._eager(arguments)  # its arithmetic raises the error
        replay.bind(numbers)
        try:
            if self.verify and not replay.is_verified:
                returned = self._verified(replay, arguments, given, numbers)
                give_memory_back()  # that of the copies, which are gone now
                return returned
            returned = replay.run(given)
        except Refused:
            return self._eager(arguments)
        if len(given) == len(arguments) and all(map(is_, given, arguments)):
            self._use(i, replay.short_way(given))  # for what is not nested
        return returned

    def _taken(self, arguments):
        """Return arguments as a step takes them: dense, if it may round otherwise."""
        arguments = mapped(arguments, prepared)
        self._refuse_aliases(leaves(arguments))
        is_exact = getattr(self._executor, "is_exact", False)
        return arguments if is_exact else mapped(arguments, _dense)

    def _look_for_new_variables(self):
        watch = self.state.watch
        if not watch.is_over():
            return
        new = State(self._sources)
        if watch.has_changed() or new.layout() != self.state.layout():
            self._begin()
        else:
            self.state.watch = new.watch

    def _kinds(self, given):
        return tuple([_kind(leaf, self._floats_vary) for leaf in given])

    def _known(self, key, numbers):
        """Return the number of a program that holds, or None."""
        for i, replay in reversed(self._replays.items()):
            if replay.key == key and replay.holds(numbers):
                return i
        return None

    def _recorded(self, key, arguments, given, numbers):
        """Record a program and do the step: with it, if it may round otherwise."""
        if len(self._replays) == MOST:
            self._give_up_one()
        before = random.state()
        try:
            key, program, eager = self._record(key, arguments, given)
            xp = NAMESPACES[type(backend.asarray(0.0, device_of_state(self.state)))]
            plain = Perturbed(improved(program, xp), xp)
            replay = Replay(program, self.state, self._executor, key)
            replay.plain = plain if self.verify else None
            returned = self._begun(replay, eager, given, numbers, before)
        except BaseException:
            random.restore(before)
            raise
        # What a step leaves behind, a gradient, may make the next one another program.
        self._recordings += 1
        self._replays[self._recordings] = replay
        self._use(self._recordings, None)
        return returned

    def _begun(self, replay, eager, given, numbers, draws):
        """Do the step that was recorded, so that it is what a replay makes of it."""
        if not replay.executor.is_exact:
            after = random.state()
            random.restore(draws)
            replay.bind(numbers)
            try:
                return self._replayed(replay, given, numbers, eager.results)
            except Refused:
                random.restore(after)
        eager.write()
        return eager.returned

    def _record(self, key, arguments, given):
        """Record a program; return its key, it, and what the step came to."""
        has_floats = self._floats_vary and any(type(x) is float for x in given)
        try:
            return key, *record(self.function, self.state, arguments, has_floats)
        except Exception:
            if not has_floats:
                raise
        # The function may ask more of a float than a Number can answer.
        program, eager = record(self.function, self.state, arguments, False)
        self._floats_vary = False
        return (*key[:2], self._kinds(given), *key[3:]), program, eager

    def _give_up_one(self):
        """Forget the program that was used longest ago; warn the first time."""
        if self._recordings == MOST:
            text = _too_many(list(self._replays.values()))
            warnings.warn(text, RuntimeWarning, stacklevel=6)
        del self._replays[next(iter(self._replays))]

    def _eager(self, arguments):
        given = mapped(arguments, lambda leaf: given_as(prepared(leaf)))
        return mapped(self.function(*given), result_of)

    def _verified(self, replay, arguments, given, numbers):
        """Replay for the first time since the recording: eager must give the same."""
        before = Snapshot(self.state)
        try:
            returned = self._eager(arguments)
            expected = copied(results(self.state, leaves(returned)))
        finally:
            before.restore()
        try:
            returned = self._replayed(replay, given, numbers, lambda: expected, before)
        except GraphError:
            if not replay.program.has_floats:
                raise
            self._floats_vary = False  # the function asks for a float's type
            return self._in_full(arguments)
        replay.is_verified, replay.plain = True, None
        return returned

    def _replayed(self, replay, given, numbers, expected, before=None):
        """Replay and return what it returns, if it is what eager gave.

        Args:
            expected: a function that returns the ``results`` of eager.
            before: a Snapshot of the state as it is; None: one is made.
        """
        if replay.plain is None:
            return replay.run(given)
        before = before or Snapshot(self.state)
        try:
            returned = replay.run(given)
            got = results(self.state, leaves(returned))
            compared(replay, before.sources(given, numbers), got, expected())
        except BaseException:
            before.restore({update.slot for update in replay.program.updates})
            raise
        return returned

    def _refuse_aliases(self, given):
        known = {id(root(slot.get())): slot for slot in self.state.slots}
        for leaf in given:
            array = leaf._value if isinstance(leaf, Variable) else leaf
            slot = known.get(id(root(array)))
            if slot is not None and backend.namespace(array) is not None:
                raise ArgumentError(
                    f"compile: an argument shares the memory of {slot.label}, which is "
                    "in the state of the step; pass a copy"
                )


def _too_many(replays):
    """Return what is said when a step has recorded more programs than are kept."""
    last = replays[-1]
    alike = [replay.key[2] for replay in replays if replay.key[1] == last.key[1]]
    columns = zip(*alike, strict=True)
    names = [
        repr(name)
        for name, column in zip(last.program.input_names, columns, strict=True)
        if len(set(column)) > MOST / 2
    ]
    what = " and ".join(names) or "state, or another answer to an `if`"
    return (
        f"compile: a step is recorded for the {MOST + 1}th time, for another {what}; "
        "recording is slow. Pass numbers that change as floats or arrays, and arrays "
        "of few shapes. The programs used longest ago are given up"
    )


def _dense(leaf):
    """Return a leaf of the arguments whose elements lie one after the other."""
    array = leaf._value if isinstance(leaf, Variable) else leaf
    if type(array) not in backend.ARRAYS or array.flags.c_contiguous:
        return leaf
    array = array.copy(order="C")
    if not isinstance(leaf, Variable):
        return array
    dense = Variable._of(array)
    dense._is_data = getattr(leaf, "_is_data", False)
    return dense


def _kind(leaf, floats_vary):
    array = leaf._value if isinstance(leaf, Variable) else leaf
    if type(array) in NAMESPACES:
        # Sums and products round otherwise where numbers lie otherwise.
        strides = None if array.flags.c_contiguous else array.strides
        return type(leaf), array.shape, array.dtype, strides
    if type(leaf) is float:
        # 0.0 equals -0.0 but is another number, and NaN does not equal itself.
        return float, None if floats_vary else repr(leaf)
    if type(leaf).__hash__ is None:
        raise ArgumentError(
            f"compile: {type(leaf).__name__} came as an argument, needed arrays, "
            "numbers and other values that never change"
        )
    return type(leaf), leaf
