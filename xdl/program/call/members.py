"""Members: many models of one architecture that are trained as one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from xdl import backend
from xdl.backend import NAMESPACES, random
from xdl.errors import (
    ArgumentError,
    GraphError,
    IndexRangeError,
    NonFiniteError,
    ShapeError,
)
from xdl.program.call.batches import joined, plain, stacked
from xdl.program.pytree import leaves, mapped
from xdl.recording import count_revision
from xdl.typing import ArrayLike
from xdl.uninterrupted import Uninterrupted, hold, release

if TYPE_CHECKING:
    from xdl.program.call.compiled import Compiled

Returned = TypeVar("Returned")
Rows = npt.NDArray[np.integer]
_REFUSALS = (NonFiniteError, IndexRangeError)  # what a member stops at


class _Member:
    """What a state held when another one took its place.

    Args:
        state: the State.

    Attributes:
        key: what a program depends on besides the arguments.
        is_away: whether the state holds something else by now.
        words: where the arrays of the slots lie, and the hyperparameters.
    """

    def __init__(self, state):
        self._arrays = [_copy(slot.get()) for slot in state.slots]
        self._modes = [module.is_training for module in state.modules]
        self._options = [dict(vars(owner)) for owner in state.checked]
        self._draws, self.key = random.state(), state.key()
        self.is_away = False
        self.numbers = state.read_numbers()
        self._hyper = np.array(self.numbers, np.float64)
        of_numbers = _address(self._hyper) + 8 * np.arange(len(self.numbers))
        self.words = np.array([*map(_address, self._arrays)], np.int64), of_numbers

    def put(self, state):
        """Let a state hold this."""
        with Uninterrupted():
            random.restore(self._draws)
            for slot, array in zip(state.slots, self._arrays, strict=True):
                held = slot.get()
                if _form(held) == _form(array) and array is not None:
                    held[...] = array
                else:
                    slot.place(_copy(array))
                slot.touch()
            for module, is_training in zip(state.modules, self._modes, strict=True):
                module.is_training = is_training
            for owner, options in zip(state.checked, self._options, strict=True):
                vars(owner).update(options)
            count_revision()


class Members(Generic[Returned]):
    """Many models of one architecture, trained as one: what ``step.members`` returns.

    Each has its own weights, optimizer's state, hyperparameters, modes and random
    draws. ``member(i)`` lets the models and optimizers of the step be those of one of
    them: to read, replace, save or load it. ``over`` does steps of all.

    Attributes:
        running: which of them are to do steps, a bool array (n,) to write into.
        steps: how many steps each has done, an int array (n,).
        errors: for each the exception that stopped it, or None.
    """

    def __init__(
        self, step: Compiled[Returned], n: int, threads: int | None = None
    ) -> None:
        self._step, self._threads = step, threads
        with step._lock:
            step._look_for_new_variables()
            self._state = step.state
            self._held = [_Member(self._state) for _ in range(n)]
        self.running = np.ones(n, bool)
        self.steps = np.zeros(n, np.int64)
        self.errors: list[Exception | None] = [None] * n

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        running = int(self.running.sum())
        return f"<Members of {self._step!r}: {len(self)}, running: {running}>"

    @contextlib.contextmanager
    def member(self, i: int) -> Iterator[None]:
        """Return a context in which the step's state is that of one member.

        The models, optimizers, their options and the place in the random draws are
        the member's: they can be read, set, saved and loaded. Afterwards they are the
        step's own again.

        Args:
            i: the number of the member.

        Raises:
            GraphError: the step has other Variables than when the members were made.
        """
        with self._step._lock:
            self._refuse_others()
            own = _Member(self._state)
            try:
                self._begin(i, own)
                yield
            finally:
                self._end(i, own)

    def _within(self, i, function):
        """Call a function where the state is a member's, whatever signals come."""
        own = _Member(self._state)
        try:
            try:
                self._begin(i, own)
                function()
            finally:
                self._end(i, own)
        except BaseException:
            self._end(i, own)  # a signal came before they could wait
            raise

    def _begin(self, i, own):
        with Uninterrupted():
            self._held[i].put(self._state)
            own.is_away = True

    def _end(self, i, own):
        with Uninterrupted():
            if own.is_away:
                self._held[i] = _Member(self._state)
                own.put(self._state)
                own.is_away = False

    def _refuse_others(self):
        self._step._look_for_new_variables()
        if self._step.state is not self._state:
            raise GraphError(
                "members: the step has other Variables by now than when its members "
                "were made; call the step once, and make them then"
            )

    def over(
        self, rows: Sequence[Rows | None] | Rows, *arrays: ArrayLike
    ) -> list[Returned | None]:
        """Do steps of all members that run, each on rows of its own.

        A step of member i is given ``array[rows[i][k]]`` of each array. Its numbers
        are, to the bit, those of the single step, whatever runs beside it, on however
        many threads. A member whose step is refused, for a gradient that is not finite
        or a label out of range, stops as it was before that step; the others go on,
        and ``errors`` says why.

        Args:
            rows: for each member an int array (steps, batch), or None: it does none.
            *arrays: the arguments of the step; arrays have all samples along their
                first axis (samples, ...).

        Returns:
            For each member what the step's ``over`` returns of the steps that it has
            done; None: of none.

        Raises:
            ArgumentError, IndexRangeError, ShapeError: rows are not as needed.
            Exception: what else a step raises; a note says of which member.
        """
        with self._step._lock:
            self._refuse_others()
            given = mapped(arrays, plain)
            work = _Work(self, _checked(rows, len(self), given), given)
            for i in work.left():
                self.errors[i] = None
            while work.left():
                work.go_on()
                self._refuse_others()
            return work.returned()


class _Work:
    """One call of ``over``: how far each member has come.

    Args:
        members: the Members.
        rows: for each member its rows, of none (0, 0).
        given: the arguments, with all samples.
    """

    def __init__(self, members, rows, given):
        self._members, self._rows, self._given = members, rows, given
        self._step, self._state = members._step, members._state
        self._pieces: list[list[tuple[object, bool]]] = [[] for _ in rows]
        self._done = [0] * len(rows)

    def left(self):
        """Return the members that have steps to do."""
        running = self._members.running
        return [
            i
            for i, (rows, done) in enumerate(zip(self._rows, self._done, strict=True))
            if done < len(rows) and running[i]
        ]

    def go_on(self):
        """Do some more steps."""
        first, *_ = left = self.left()
        head = self._head(first)
        program = self._native(head, first)
        if program is None:
            self._by_itself(first, head)
            return
        size = self._rows[first].shape[1]
        same = [i for i in left if self._rows[i].shape[1] == size]
        same = [i for i in same if self._fits(program, head, i)]
        self._natively(program, same)
        for i in set(same) & set(self.left()):
            self._by_itself(i, head)

    def returned(self):
        """Return for each member what its steps returned, or None."""
        return [joined(pieces) if pieces else None for pieces in self._pieces]

    def _batch(self, i, k):
        rows = self._rows[i][k]
        return mapped(self._given, lambda leaf: _gathered(leaf, rows))

    def _head(self, i):
        """Return what a program depends on besides the state, of a member's steps."""
        batch = tuple(self._batch(i, 0))
        return self._step.form(batch, leaves(batch))

    def _native(self, head, i):
        """Return the Replay of a native function that does a member's steps, or None.

        There is none before the first of them has been compared with eager.
        """
        if not all(type(leaf) is np.ndarray for leaf in self._given):
            return None
        for replay in reversed(self._step._replays.values()):
            is_ready = replay.is_verified or not self._step.verify
            if is_ready and replay.does_members and self._fits(replay, head, i):
                return replay
        return None

    def _fits(self, replay, head, i):
        member = self._members._held[i]
        return replay.key == (*head, member.key) and replay.holds(member.numbers)

    def _by_itself(self, i, head):
        """Do steps of one member, one by one, until a native function can."""
        members = self._members

        def go():
            while self._done[i] < len(self._rows[i]) and members.running[i]:
                self._step_once(i)
                if self._native(head, i) is not None:
                    return

        members._within(i, go)

    def _step_once(self, i):
        members, batch = self._members, self._batch(i, self._done[i])
        with Uninterrupted():
            try:
                returned = self._step(*batch)
            except _REFUSALS as error:
                members.running[i], members.errors[i] = False, error
                return
            except Exception as error:
                error.add_note(f"compile: this came up in member {i}")
                raise
            self._pieces[i].append((returned, False))
            self._done[i] += 1
            members.steps[i] += 1

    def _natively(self, replay, numbers):
        """Do steps of members in a native loop, each until one is refused."""
        held = hold()
        try:
            self._do_natively(replay, numbers, lambda: bool(held and held[0]))
        finally:
            release(held)

    def _do_natively(self, replay, numbers, is_over):
        members, steps = self._members, self._members.steps
        arrays = [np.ascontiguousarray(array) for array in self._given]
        rows = [self._rows[i][self._done[i] :] for i in numbers]
        words, before = [members._held[i].words for i in numbers], steps[numbers]
        job = replay.executor.job(words, arrays, rows, steps, numbers)
        job.run(members._threads, is_over)
        first = 0
        for i, part, done in zip(numbers, rows, steps[numbers] - before, strict=True):
            if done:
                results = [array[first : first + done] for array in job.results]
                found = stacked(replay.program.outputs, iter(results), done)
                self._pieces[i].append((found, True))
                self._done[i] += done
            first += len(part)


def _checked(rows, n, given):
    """Return the rows of each member as int64; refuse others."""
    if len(rows) != n:
        raise ShapeError(f"members: rows of {len(rows)} came, needed {n}, of each")
    shapes = [leaf.shape for leaf in leaves(given) if type(leaf) in NAMESPACES]
    counts = {shape[:1] for shape in shapes}
    if len(counts) != 1 or () in counts:
        listed = " and ".join(map(str, shapes)) or "none"
        raise ShapeError(
            f"members: arrays {listed} came, needed arrays of as many samples along "
            "their first axes"
        )
    ((count,),) = counts
    if isinstance(rows, np.ndarray) and rows.ndim == 3:
        of_all = _as_rows(rows.reshape(-1, rows.shape[2]), count)
        return list(of_all.reshape(rows.shape))
    return [_as_rows(part, count) for part in rows]


def _as_rows(part, count):
    if part is None:
        return np.empty((0, 0), np.int64)
    part = np.asarray(part)
    if part.ndim != 2 or part.dtype.kind not in "iu":
        raise ArgumentError(
            f"members: rows {part.dtype} {part.shape} came, needed integers (steps, "
            "batch) of each member, or None"
        )
    if part.size and (part.min() < 0 or part.max() >= count):
        raise IndexRangeError(
            f"members: rows from {part.min()} to {part.max()} came, needed such from 0 "
            f"to {count - 1}"
        )
    return np.ascontiguousarray(part, np.int64)


def _gathered(leaf, rows):
    if type(leaf) not in NAMESPACES:
        return leaf
    return leaf[backend.asarray(rows, backend.device_of(leaf))]


def _form(array):
    return None if array is None else (array.shape, array.dtype)


def _copy(array):
    """Return a copy that lies as the array does, or None."""
    if array is None:
        return None
    if type(array) is np.ndarray:
        return array.copy(order="K")
    return NAMESPACES[type(array)].copy(array)


def _address(array):
    """Return where the elements of an array on the host begin; 0 of another one."""
    if type(array) is not np.ndarray:
        return 0
    return array.__array_interface__["data"][0]
