"""Compiled: a step that is recorded at its first call and replayed from then on."""

from __future__ import annotations

import collections
import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

from xdl import forks
from xdl.backend import namespace, random
from xdl.backend import numpy as host
from xdl.core import mode
from xdl.errors import ArgumentError, DeviceError, GraphError
from xdl.optim.ranges import Whole
from xdl.program.call.batches import over
from xdl.program.call.fast_path import MISS
from xdl.program.call.members import Members
from xdl.program.call.replay import Replay
from xdl.program.call.waiting import no_collection, told
from xdl.program.errors import Refused
from xdl.program.memory.trim import give_memory_back
from xdl.program.numpy_executor.executor import executor_of
from xdl.program.passes.pipeline import improved
from xdl.program.program import Program
from xdl.program.pytree import leaves, mapped
from xdl.program.record.arguments import Placing, called
from xdl.program.record.kinds import dense, kind, too_many
from xdl.program.record.recorder import (
    device_of_state,
    given_as,
    prepared,
    record,
    result_of,
)
from xdl.program.record.state import State
from xdl.program.record.surroundings import Surroundings
from xdl.program.verify.comparison import Expected, Snapshot, compared, copied, results
from xdl.program.verify.perturbed import Perturbed
from xdl.recording import current
from xdl.tracing.namespace import TRACE
from xdl.typing import HasForward

MOST = 64  # programs that are kept of one step
_DEVICES = {"cpu": "the CPU", "cuda": "a GPU"}
_AS_IT_IS = "run the step as it is"
_INSTEAD = {
    "cpu": 'executor="numpy" or "numba" runs it there',
    "cuda": 'executor="cuda" runs it there',
}
_PLANNING = "compile: a step is made ready for its replays, once for these shapes"


Returned = TypeVar("Returned")


class Compiled(Generic[Returned]):
    """A step that was given to ``xdl.compile``; call it like the function."""

    def __init__(
        self,
        function: Callable[..., Returned] | HasForward[Returned],
        sources: Any,
        executor: Any,
        verify: bool,
    ) -> None:
        self.function, self.verify = function, verify
        self._sources, self._name = sources, executor
        self._executor = executor_of(executor)
        self._is_exact = getattr(self._executor, "is_exact", False)
        self._placed = Placing(function)
        self._is_between = False  # steps, while a program is made
        self._new_lock()
        self._begin()
        forks.tell(self)

    def _new_lock(self):
        self._lock = threading.RLock()
        self._acquire, self._release = self._lock.acquire, self._lock.release

    def after_fork(self):
        """Go on in the child of a fork, without the threads of its parent.

        A step that one of them recorded was not done; of one that it replayed, what
        the step changes may be half changed, and is refused.
        """
        if self._acquire(False):  # nobody was in it, or this thread is
            self._release()
            return
        self._new_lock()
        if not self.state.give_back() and not self._is_between:
            self.state.lose()
        self._is_between = False
        self._forget()

    def _begin(self):
        """Look the state up anew, and forget all programs."""
        self.state = State(self._sources)
        self._forget()

    def _forget(self):
        # By their numbers; the one that was used last stands last.
        self._replays = collections.OrderedDict()
        self._recordings, self._floats_vary = 0, True
        self._fast: tuple = (None, 0)  # a function, and how many arguments it takes
        self._program = None

    @property
    def program(self) -> Program:
        """The Program of the last call.

        Raises:
            GraphError: there was no call yet.
        """
        if self._program is None:
            raise GraphError(
                "compile: there is no program before the first call, which records it; "
                "call the step once first"
            )
        return self._program

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"<Compiled {name}, {self._name!r}; programs: {len(self._replays)}>"

    def __reduce_ex__(self, protocol):
        raise ArgumentError(
            "compile: a compiled step cannot be pickled or copied; pickle or copy its "
            "model and optimizer, or xdl.save them, and compile the step anew"
        )

    def __call__(self, *arguments: Any, **named: Any) -> Returned:
        """Do the step; return what the function returns.

        Raises:
            ArgumentError: a name is unknown, came twice or is missing.
        """
        if named:
            arguments = self._placed(arguments, named)
        fast, count = self._fast
        if fast is not None and len(arguments) == count and self._acquire(False):
            try:
                returned = fast(*arguments)
                if returned is not MISS:
                    return returned
            except Refused:
                return self._eager(arguments)
            finally:
                self._release()
        with self._lock:
            return self._by_a_known_fast_path(arguments)

    def _by_a_known_fast_path(self, arguments):
        """Do the step with a program that was used before, if one fits, or in full."""
        for i, replay in reversed(self._replays.items()):
            fast = replay.fast
            if fast is not None and fast.takes(arguments):
                self._use(i, fast)
                try:
                    returned = fast.replay(*arguments)
                except Refused:
                    return self._eager(arguments)
                return self._in_full(arguments) if returned is MISS else returned
        return self._in_full(arguments)

    def _use(self, i, fast):
        """Note which program was used last, and the fast path to it, or None."""
        replay = self._replays[i]
        self._replays.move_to_end(i)
        self._program = replay.program
        self._fast = (None, 0) if fast is None else (fast.replay, fast.count)

    def over(self, *arguments: Any, **named: Any) -> Returned:
        """Do the step for many batches, in order, in one call.

        It is what as many calls do, one after the other: the same results, updates and
        random draws. The ``numba`` executor runs small steps in one native loop, so
        that a step costs no Python at all.

        Args:
            *arguments, **named: those of the step; each array and constant Variable
                with the batches stacked along a first axis (n, ...). Python values stay
                as they are, for every batch.

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
        if named:
            arguments = self._placed(arguments, named)
        with self._lock:
            return over(self, arguments)

    def members(self, n: int, threads: int | None = None) -> Members[Returned]:
        """Return many models of the architecture of this step's, trained as one.

        Each begins as a copy of the step's state as it is now.

        Args:
            n: how many.
            threads: on how many threads native steps run; default as many as NumPy's
                BLAS uses, and 1 where products are BLAS's. The numbers do not depend
                on it.

        Raises:
            ArgumentError: ``n`` or ``threads`` is no int of 1 or more.

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
            >>> many = xdl.compile(step, model, optimizer).members(2)
            >>> with many.member(1):
            ...     optimizer.lr = 1.0
            >>> rows = np.arange(20).reshape(5, 4)
            >>> x, target = np.ones((20, 3), np.float32), np.zeros(20, int)
            >>> slow, fast = many.over([rows, rows], x, target)
            >>> slow.shape
            (5,)
            >>> slow[4].item() > fast[4].item()
            True
        """
        whole = Whole()
        whole.checked("members: n", n)
        if threads is not None:
            whole.checked("members: threads", threads)
        return Members(self, n, threads)

    def native_steps(self, given, arguments, first, end):
        """Do as many steps as one native call can; return how many, and their results.

        Args:
            given: the arguments of the first of them.
            arguments: those of ``over``.
            first, end: the numbers of the steps.
        """
        for i, replay in reversed(self._replays.items()):
            fast = replay.fast
            does_many = fast is not None and hasattr(replay.executor, "many")
            if does_many and fast.takes(given):
                self._use(i, fast)
                return replay.run_many(arguments, first, end)
        return 0, None

    def _in_full(self, arguments):
        if current() is not None:
            raise GraphError(
                "compile: a compiled step was called while one is recorded"
            )
        self._look_for_new_variables()
        came, arguments = arguments, self._taken(arguments)
        given = leaves(arguments)
        unusual = mode.current()
        if unusual is not None and unusual.checks:
            return self._eager(arguments)  # debug mode looks at every operation
        key = (*self.form(arguments, given), self.state.key())
        numbers = self.state.read_numbers()
        numbers += [leaf for leaf in given if type(leaf) is float]
        i = self._known(key, numbers)
        if i is None:
            return self._recorded(key, arguments, given, numbers)
        replay = self._replays[i]
        self._use(i, None)
        if replay.program.has_floats and not replay.computes(numbers):
            return self._eager(arguments)  # its arithmetic raises the error
        try:
            if self.verify and not replay.is_verified:
                returned = self._verified(replay, arguments, given, numbers)
                give_memory_back()  # that of the copies, which are gone now
                return returned
            replay.bind(numbers)
            returned = replay.run(given)
        except Refused:
            return self._eager(arguments)
        if len(given) == len(came) and all(map(_is_as_it_came, given, came)):
            self._use(i, replay.fast_path(came))  # for what is not nested
        return returned

    def form(self, arguments, given):
        """Return what a program depends on besides the state.

        Args:
            arguments: of a call, as they are taken.
            given: the same, flat.
        """
        nesting = repr(mapped(arguments, lambda leaf: None))
        return mode.current(), nesting, self._kinds(given)

    def _taken(self, arguments):
        """Return arguments as a step takes them: dense, if it may round otherwise."""
        arguments = mapped(arguments, prepared)
        self.state.refuse_aliases(leaves(arguments))
        return arguments if self._is_exact else mapped(arguments, dense)

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
        return tuple([kind(leaf, self._floats_vary) for leaf in given])

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
            program.trial.owner = self
            replay = self._made(key, program)
            returned = self._begun(replay, eager, given, numbers, before)
        except BaseException:
            random.restore(before)
            raise
        # What a step leaves behind, a gradient, may make the next one another program.
        self._recordings += 1
        self._replays[self._recordings] = replay
        self._use(self._recordings, None)
        return returned

    def _made(self, key, program):
        """Return the Replay of a program that was recorded; no state changes."""
        self._is_between = True
        try:
            with told(_PLANNING), no_collection():
                plain = Perturbed(improved(program, host), host, not self._is_exact)
                replay = Replay(program, self.state, self._executor, key)
            replay.plain = plain if self.verify else None
            return replay
        finally:
            self._is_between = False

    def _begun(self, replay, eager, given, numbers, draws):
        """Do the step that was recorded, so that it is what a replay makes of it."""
        if not replay.executor.is_exact:
            after = random.state()
            random.restore(draws)
            try:
                return self._replayed(replay, given, numbers, eager.results)
            except Refused:
                random.restore(after)
        eager.write()
        return eager.returned

    def _record(self, key, arguments, given):
        """Record a program; return its key, it, and what the step came to."""
        self._refuse_device()
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

    def _refuse_device(self):
        where = device_of_state(self.state)
        needed = getattr(self._executor, "device", "cpu")
        if where != TRACE and where.kind != needed:
            raise DeviceError(
                f"compile: the state is on {where}, needed {_DEVICES[needed]} for "
                f"executor {self._name!r}; {_INSTEAD.get(where.kind, _AS_IT_IS)}"
            )

    def _give_up_one(self):
        """Forget the program that was used longest ago; warn the first time."""
        if self._recordings == MOST:
            text = too_many(list(self._replays.values()), MOST)
            warnings.warn(text, RuntimeWarning, stacklevel=6)
        del self._replays[next(iter(self._replays))]

    def _eager(self, arguments):
        """Do the step without a program: all of it, or nothing."""
        before = Snapshot(self.state)
        try:
            return self._plainly(arguments)
        except BaseException:
            before.restore()
            raise

    def _plainly(self, arguments):
        given = mapped(arguments, lambda leaf: given_as(prepared(leaf)))
        return mapped(called(self.function, given), result_of)

    def _verified(self, replay, arguments, given, numbers):
        """Replay for the first time since the recording: eager must give the same."""
        before = Snapshot(self.state, late=True)
        sets = replay.program.attributes
        around = Surroundings(self.function, self.state.modules, sets)
        try:
            with before.watching():
                returned = self._plainly(arguments)
            changed = around.put_back()
            expected = Expected(replay, results(self.state, leaves(returned)))
        finally:
            before.restore()
        before.forget()  # it is copied anew, where a replay needs no memory for it
        expected.again = functools.partial(self._again, arguments, before)
        try:
            returned = self._replayed(replay, given, numbers, expected, before)
        except GraphError:
            if not replay.program.has_floats:
                raise
            self._floats_vary = False  # the function asks for a float's type
            return self._in_full(arguments)
        if changed:
            before.restore()
            raise GraphError(
                f"compile: {changed[0]} is changed in the step, and a replay changes "
                "nothing but its state; return it from the step, or change it between "
                "the calls. It has been put back"
            )
        replay.is_verified, replay.plain = True, None
        return returned

    def _again(self, arguments, before):
        """Return the results of eager once more; the state stays that of the replay."""
        before.copy()
        after = Snapshot(self.state)
        before.restore()
        returned = self._plainly(arguments)
        found = copied(results(self.state, leaves(returned)))
        after.restore()
        return found

    def _replayed(self, replay, given, numbers, expected, before=None):
        """Replay and return what it returns, if it is what eager gave.

        Args:
            expected: the Expected of eager, or a function that returns its ``results``.
            before: a Snapshot of the state as it is; None: one is made.
        """
        replay.bind(numbers)
        if replay.plain is None:
            return replay.run(given)
        before = before or Snapshot(self.state)
        changed = {update.slot for update in replay.program.updates}
        try:
            with replay.before_changes(functools.partial(before.copy, changed)):
                returned = replay.run(given)
            got = results(self.state, leaves(returned))
            compared(replay, before.sources(given, numbers), got, expected)
        except BaseException:
            before.restore(changed)
            raise
        return returned


def _is_as_it_came(taken, came):
    """Tell whether an argument was taken as it came, or moved to a GPU as it lies."""
    if taken is came:
        return True
    is_moved = type(came) is np.ndarray and type(taken) is not np.ndarray
    return is_moved and namespace(taken) is not None and came.flags.c_contiguous
