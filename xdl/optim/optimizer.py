"""Optimizer: what all optimizers share."""

from typing import Any

from xdl import backend
from xdl.arguments import kind, unknown
from xdl.backend import NAMESPACES, TOGETHER, blocks, checks, pending
from xdl.backend import numpy as host
from xdl.backend.quiet import begin_quiet, end_quiet
from xdl.core.narrow import is_narrow
from xdl.core.node import keep, keepers, touch
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable
from xdl.core.watch import Watch
from xdl.errors import ArgumentError, GraphError, NonFiniteError
from xdl.optim.groups import Group, Grouped
from xdl.optim.ranges import NonNegative
from xdl.optim.weights import Weights, are_groups, as_parameter, wide_copy
from xdl.recording import current, registrations
from xdl.uninterrupted import Uninterrupted

# The largest gradients whose squares, and their sums, are finite in the dtype of the
# state.
_SQUARABLE = {"bfloat16": 2.0**63, "float32": 2.0**63, "float64": 2.0**511}


_FEW, _SMALL = 8, 32768  # arrays, bytes
_FOR_PYTHON = 2**20  # bytes: what it takes from the system at once for small objects


class Optimizer(Grouped):
    """The base of optimizers.

    A subclass defines ``change(xp, value, grad, *state)``, which writes into ``value``
    and the state arrays in place; names its state in ``state_names``; and says in
    ``ranges``, or in the annotations of its constructor, what each of its
    hyperparameters may be: they are checked whenever they are set, and saved. State is
    as large as its weight and starts at 0; that which is also in ``counters`` is one
    float64 number, such as a count of steps; ``starts`` says what else some of it
    starts with. One that ``squares`` gradients gets none beyond 9.2e18 (6.7e153 in
    float64), whose squares would be infinite: larger ones count as that. ``change``
    makes at most ``scratch`` arrays as large as the weight at one time: so much memory
    is there before the first weight changes. One that ``is_elementwise`` changes each
    element of a weight by itself: then ``change`` may be given a part of one, flat.
    ``together`` says how a GPU changes all weights in one launch; None: one by one.

    Args:
        parameter: a Parameter, an object that has one as ``parameter`` (a Module), or
            an iterable of trainable Variables, or of their pairs with names; or a list
            of groups: dicts with ``"params"``, which is one of these, and the options
            that differ for them.
        lr: the learning rate, >= 0 and finite.

    Attributes:
        parameter: the Parameter that is optimized.
        state: a Parameter with the optimizer's own Variables, one a state name and
            weight, made at construction. Weights that come later get theirs at the
            next step, and those that are gone lose theirs.

    Raises:
        ArgumentError: there is nothing trainable, a Variable stands twice in the
            iterable, something in it is no Variable, or a hyperparameter is out of
            its range.

    Example:
        >>> import xdl
        >>> class SignDescent(xdl.optim.Optimizer):
        ...     def change(self, xp, value, grad):
        ...         value -= self.lr * xp.sign(grad)
        >>> w = xdl.Variable([1.0, -2.0])
        >>> (w * w).sum().backward()
        >>> SignDescent([w], lr=0.5).update()
        >>> w
        Variable([ 0.5, -1.5], dtype=float32)
    """

    store = "state"
    state_names: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    starts: dict[str, Any] = {}
    # The hyperparameters that cannot be switched on later.
    makes_state: tuple[str, ...] = ()
    scratch = 4
    is_elementwise = False
    writes_once = False  # whether ``change`` writes in one call, without state
    squares = False  # whether gradients are squared: then their size is limited
    together: Any = None
    # The lr before a schedule came, and the lr that it set.
    scheduled: tuple[float, float] | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "change" in vars(cls):  # what another one promised does not hold for it
            for name in ("scratch", "is_elementwise", "writes_once", "together"):
                setattr(cls, name, vars(cls).get(name, getattr(Optimizer, name)))

    def __init__(self, parameter: Weights, lr: NonNegative) -> None:
        self.lr = lr
        self._slots: list[Any] = []
        if are_groups(parameter):
            self._make_groups(parameter)
        else:
            self.parameter = as_parameter(type(self).__name__, parameter)
            self.state = Parameter()
        self.look_again()
        found = self.parameter.values()
        is_open = self.parameter._grows and not found or isinstance(parameter, Group)
        if not is_open and not any(v.trainable for v in found):
            raise ArgumentError(f"{type(self).__name__}: no trainable Variable came")

    def admit(self, name: str, value: Any) -> None:
        if self.groups:
            self._pass_on(name, value)
            return
        if name not in self.makes_state or "state" not in self.__dict__:
            return
        if value and not getattr(self, name):
            raise ArgumentError(
                f"{type(self).__name__}.{name}: {value!r} came where it was off, "
                "needed it at construction, when the state for it is made"
            )

    def change(self, xp: Any, value: Any, grad: Any, *state: Any, **named: Any) -> None:
        """Write the new weights into ``value``; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: change is not defined")

    def update(self, *others: Any) -> Variable | None:
        """Change all weights by their gradients, then clear all gradients.

        Variables that are frozen or have no gradient are left as they are. All of it
        is done, or nothing: signals, such as that of Ctrl-C, wait until it is done.

        Raises:
            ArgumentError: there is an argument.
            GraphError: no Variable has a gradient.
            NonFiniteError: a gradient holds NaN or infinity. No weight has changed,
                and the batch counts for nothing: the gradients are cleared, and
                running statistics and the place in the random draws are put back to
                where the last update of any optimizer left them.
            MemoryError: there is not the memory for it; nothing has changed.
        """
        return self._update(others, clears=True)

    def step(self, *others: Any) -> Variable | None:
        """Change all weights by their gradients, and keep the gradients.

        Raises:
            ArgumentError: there is an argument.
            GraphError: no Variable has a gradient.
            NonFiniteError: as for ``update``, but that the gradients are kept.
            MemoryError: there is not the memory for it; nothing has changed.
        """
        return self._update(others, clears=False)

    def _update(self, others, clears):
        if others:
            raise ArgumentError(
                f"{type(self).__name__}: {kind(others[0])} came, needed nothing; "
                "compute the loss and call backward before"
            )
        watch = self._watch
        if watch.number != registrations.number or (
            watch.lists and watch.has_changed()
        ):
            self.look_again()
        if (recording := current()) is not None:
            self._refuse_unless_in(recording)
        try:
            ready = self._checked()
        except NonFiniteError:
            pending.put_back()
            if clears:
                self._forget_gradients()
            raise
        if keepers:
            keep()
        if self.writes_once and len(ready) == 1 and not ready[0][4]:
            self._change_all(ready, clears)
        else:
            self._commit(ready, clears)

    def _commit(self, ready, clears):
        """Change all weights, or none."""
        copies = _copies(ready) if ready[0][1] is host else None
        if copies is None:
            _reserve(ready, self.scratch)
            with Uninterrupted():
                self._change_all(ready, clears)
            return
        try:
            self._change_all(ready, clears)
        except BaseException:
            for array, copy in copies:
                array[...] = copy
            raise

    def _change_all(self, ready, clears):
        quiet = begin_quiet()
        try:
            if TOGETHER and self.together is not None:
                ready = self._change_together(ready)
            for node, xp, value, grad, arrays, change in ready:
                if is_narrow(value):  # squares and an eps of 1e-8 are 0 in 16 bits
                    self._change_in_float32(change, xp, value, grad, arrays)
                else:
                    self._change(change, xp, value, grad, arrays)
                touch(node)
            if clears:
                self._forget_gradients()
            pending.settle()
        finally:
            end_quiet(quiet)

    def _change(self, change, xp, value, grad, arrays):
        if not self.is_elementwise or value.size < blocks.LEAST:
            change(xp, value, grad, *arrays)
            return
        counts = [(one, xp.copy(one)) for one in arrays if not one.ndim]
        for block in blocks.views(xp, value, grad, *arrays):
            for count, before in counts:  # all blocks are of one step
                count[...] = before
            change(xp, *block)

    def _change_together(self, ready):
        """Change what a GPU changes in one launch; return what is left."""
        left = [one for one in ready if type(one[2]) not in TOGETHER]
        for library, gpu in TOGETHER.items():
            for group in self.param_groups:
                some = [
                    o for o in ready if type(o[2]) is library and o[5].__self__ is group
                ]
                if some:
                    limits = _SQUARABLE if self.squares else {}
                    given = list(map(group._given, some))
                    gpu.change(*group.together(), limits, given)
                for node, *_ in some:
                    touch(node)
        return left

    def _given(self, one):
        """Return a weight, its gradient, the count of its steps and other state."""
        _, _, value, grad, arrays, _ = one
        named = dict(zip(self.state_names, arrays, strict=True))
        counts = [named.pop(name) for name in self.counters]
        step = counts.pop(0) if counts else None
        return value, grad, step, [*named.values(), *counts]

    def _refuse_unless_in(self, recording):
        if self not in recording.owners:
            raise GraphError(
                f"compile: {type(self).__name__} is not in the state of the step; give "
                "it to xdl.compile"
            )

    def _change_in_float32(self, change, xp, value, grad, state):
        wide = xp.astype(value, xp.float32)
        self._change(change, xp, wide, xp.astype(grad, xp.float32), state)
        value[...] = xp.astype(wide, value.dtype)

    def _checked(self):
        later: list[Any] = []
        ready = self._ready(later)
        if not ready:
            raise GraphError(
                f"{type(self).__name__}: no Variable has a gradient; call backward "
                "first"
            )
        if later:
            self._ask(later)
        return ready

    def _ready(self, later):
        """Return what ``change`` needs; add to ``later`` whose gradients a GPU has."""
        if self.groups:
            return [one for group in self.groups for one in group._ready(later)]
        ready, change = [], self.change
        for variable, state in self._slots:
            node = variable._node
            if node is None or node.grad is None:
                continue
            grad = node.grad if type(node.grad) is not Variable else node.grad._value
            xp = NAMESPACES[type(grad)]
            limit = self.squares and _SQUARABLE.get(backend.dtype_name(grad.dtype))
            if not limit or not xp.is_within(grad, limit):
                if TOGETHER and type(grad) in TOGETHER:
                    later.append((variable, grad))
                elif xp.has_non_finite(grad):
                    raise self._non_finite(variable)
                if limit:
                    grad = self._limited(xp, grad, limit)
            value = variable._value
            arrays = _beside(value, state) if state else ()
            ready.append((node, xp, value, grad, arrays, change))
        return ready

    def _limited(self, xp, grad, limit):
        if TOGETHER and self.together is not None and type(grad) in TOGETHER:
            return grad  # its launch limits it
        return xp.minimum(xp.maximum(grad, -limit), limit)

    def _ask(self, later):
        """Ask a GPU whether gradients are finite; know it, unless that may wait."""
        variables = [variable for variable, _ in later]

        def refuse(place, when):
            raise self._non_finite(variables[place], when)

        gpu = TOGETHER[type(later[0][1])]
        gpu.ask_finite([grad for _, grad in later], refuse)
        gpu.know(may_wait=self.together is not None)
        checks.count_step()

    def _non_finite(self, variable, when=""):
        return NonFiniteError(
            f"{type(self).__name__}: the gradient of {variable._label()} "
            f"{variable.shape} holds NaN or infinity{when}; no weight was changed. "
            "Where the loss grew before (it diverged), a smaller lr than "
            f"{self.lr:g} helps; "
            "xdl.set_debug(True) finds the operation. update() has cleared the "
            "gradients; after step(), clear_grads() does"
        )

    def zero_grad(self, **options: Any) -> None:
        """Clear all gradients.

        Raises:
            ArgumentError: there is an option.
        """
        for name in options:
            raise unknown(f"{type(self).__name__}.zero_grad", name, (), "()")
        if self._watch.is_over():
            self.look_again()
        self._forget_gradients()

    def _forget_gradients(self):
        for variable, _ in self._slots:
            if (node := variable._node) is not None:
                node.grad = None

    def look_again(self) -> None:
        """Have state for what the Parameter holds now, and for nothing else."""
        if self.groups:
            self._look_in_groups()
            self._slots = [slot for group in self.groups for slot in group._slots]
            self._watch = Watch(self.parameter)
            return
        known = {id(variable): state for variable, state in self._slots}
        found = [
            (name, variable)
            for name, variable in self.parameter.items()
            if backend.is_floating(variable._value)
        ]
        for _, variable in found:
            if id(variable) not in known:
                self.check(variable)
        slots: list[Any] = []
        held: dict[Any, Any] = {}
        for name, variable in found:
            names = [f"{kind}/{name}" for kind in self.state_names]
            state = known.get(id(variable)) or self._started(name, variable)
            held.update(zip(names, state, strict=True))
            slots.append((variable, state))
        self.state.hold(held)
        self._slots, self._watch = slots, Watch(self.parameter)

    def check(self, variable: Variable) -> None:
        """Raise an error for a Variable that this cannot change; a subclass may."""

    def _started(self, name, variable):
        """Return the new Variables of the state of a weight."""
        made = []
        for state in self.state_names:
            label, start = f"{state}/{name}", self.starts.get(state, 0.0)
            if state in self.counters:
                one = Variable(start, label, trainable=False, dtype="float64")
                one.to(variable.device)
            else:
                one = wide_copy(variable, label)
                one._value[...] = start
            made.append(one)
        return made


def _beside(value, state):
    """Return the arrays of the state of a weight, on the device of its array."""
    for kept in state:
        if type(kept._value) is not type(value):  # the model was moved
            kept.to(backend.device_of(value))
    return [kept._value for kept in state]


def _copies(ready):
    """Return pairs of what changes and copies of it, or None if that is much.

    Few small arrays are copied in less time than signals and memory are held.
    """
    arrays = [array for one in ready for array in (one[2], *one[4])]
    if len(arrays) > _FEW or sum([array.nbytes for array in arrays]) > _SMALL:
        return None
    return [(array, array.copy()) for array in arrays]


def _reserve(ready, scratch):
    """Raise a MemoryError now, unless ``change`` has the memory for each weight."""
    _, xp, value, *_ = max(ready, key=_size) if len(ready) > 1 else ready[0]
    widths = 4 + 2 * scratch if is_narrow(value) else scratch
    nbytes = getattr(value, "nbytes", 0)  # the standard has none
    xp.reserve(widths * nbytes + _FOR_PYTHON)


def _size(one):
    return one[2].size
