"""Compiled: a step that is recorded at its first call and replayed from then on."""

import threading

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.backend.recording import current, root
from xdl.core import mode
from xdl.core.parameter import registrations
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, GraphError
from xdl.program.batches import over
from xdl.program.interpreter import Refused
from xdl.program.nest import leaves, mapped
from xdl.program.numpy_executor import executor_of
from xdl.program.passes import improved
from xdl.program.record import device_of_state, given_as, prepared, record, result_of
from xdl.program.replay import Replay
from xdl.program.short import MISS
from xdl.program.state import State
from xdl.program.verify import Snapshot, compared, give_memory_back, outcome


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
        self._registrations = registrations[0]
        self._replays, self._short, self._short_count = {}, None, 0
        self._short_of: tuple = (None, None)
        self.program = None

    def __call__(self, *arguments):
        """Do the step; return what the function returns."""
        short = self._short
        count = self._short_count
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
            return self._in_full(arguments)

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
        if self._short is None or self._short_count != len(given):
            return 0, None
        replay, short = self._short_of
        if not hasattr(replay.executor, "many") or not short.fits(*given):
            return 0, None
        return replay.run_many(arguments, first, end)

    def _in_full(self, arguments):
        if current() is not None:
            raise GraphError(
                "compile: a compiled step was called while one is recorded"
            )
        self._look_for_new_variables()
        arguments = mapped(arguments, prepared)
        given = leaves(arguments)
        self._refuse_aliases(given)
        unusual = mode.current()
        if unusual is not None and unusual.checks:
            return self._eager(arguments)  # debug mode looks at every operation
        key = (*self._key(arguments, given), self.state.key())
        replay = self._replays.get(key)
        if replay is None or not replay.holds():
            return self._recorded(key, arguments)
        self.program = replay.program
        replay.bind()
        inputs = [
            leaf._value if isinstance(leaf, Variable) else leaf
            for leaf, value in zip(given, replay.program.inputs, strict=True)
            if value is not None
        ]
        try:
            if self.verify and not replay.is_verified:
                returned = self._verified(replay, inputs, arguments)
                give_memory_back()
                return returned
            returned = replay.run(inputs)
        except Refused:
            return self._eager(arguments)
        is_flat = len(given) == len(arguments)
        if is_flat and all(a is b for a, b in zip(given, arguments, strict=True)):
            short = replay.short_way(given)
            self._short = short and short.replay
            self._short_count, self._short_of = len(arguments), (replay, short)
        return returned

    def _look_for_new_variables(self):
        if self._registrations == registrations[0]:
            return
        new = State(self._sources)
        is_same = new.variables.keys() == self.state.variables.keys()
        if not is_same or len(new.modules) != len(self.state.modules):
            self._begin()
        self._registrations = registrations[0]

    def _key(self, arguments, given):
        nesting = repr(mapped(arguments, lambda leaf: None))
        return nesting, tuple(map(_kind, given))

    def _recorded(self, key, arguments):
        program, returned = record(self.function, self.state, arguments)
        xp = NAMESPACES[type(backend.asarray(0.0, device_of_state(self.state)))]
        replay = Replay(improved(program, xp), self.state, self._executor)
        # What a step leaves behind, a gradient, may make the next one another program.
        self._replays[key] = replay
        self.program = program
        return returned

    def _eager(self, arguments):
        given = mapped(arguments, lambda leaf: given_as(prepared(leaf)))
        return mapped(self.function(*given), result_of)

    def _verified(self, replay, inputs, arguments):
        before = Snapshot(self.state)
        replayed = replay.run(inputs)
        after = Snapshot(self.state)
        before.restore()
        returned = self._eager(arguments)
        results = leaves(replayed), leaves(returned)
        try:
            compared(self.state, after, *results)
        except GraphError:
            if replay.executor.is_exact:
                raise
            spread = self._spread(before, arguments)
            compared(self.state, after, *results, spread)
        replay.is_verified = True
        return returned

    def _spread(self, before, arguments):
        """Return the outcome of an eager step that begins with rounding errors.

        The state is afterwards what it was.
        """
        now = Snapshot(self.state)
        before.restore()
        before.nudge()
        outcome_then = outcome(self.state, leaves(self._eager(arguments)))
        now.restore()
        return outcome_then

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


def _kind(leaf):
    array = leaf._value if isinstance(leaf, Variable) else leaf
    if type(array) in NAMESPACES:
        return type(leaf), array.shape, array.dtype
    if type(leaf).__hash__ is None:
        raise ArgumentError(
            f"compile: {type(leaf).__name__} came as an argument, needed arrays, "
            "numbers and other values that never change"
        )
    # 0.0 equals -0.0 but is another number, and NaN does not equal itself.
    return type(leaf), repr(leaf) if type(leaf) is float else leaf
