"""Recording a step: run it once with real values, and write it down."""

import contextvars
import numbers

from xdl import backend
from xdl.backend import NAMESPACES, random
from xdl.backend.device import use_device
from xdl.core.promote import is_data
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError, DeviceError, GraphError
from xdl.program.memory.trim import give_memory_back
from xdl.program.program import Output, Program
from xdl.program.pytree import Named, leaves, mapped
from xdl.program.record.arguments import called, parameters
from xdl.program.record.attributes import Attributes, is_plain, made, noted
from xdl.program.record.digest import digest
from xdl.program.record.outside import Outside
from xdl.program.record.trial import Trial
from xdl.recording import not_in_state
from xdl.tracing.namespace import TRACE, Number, Traced, value_now
from xdl.tracing.recording import Recording
from xdl.tracing.values import Value


def record(function, state, arguments, floats_vary=True, keeps=True, any_length=False):
    """Run ``function`` once; return its Program and its Eager.

    The state is left as it is, and after an error the random stream, too.

    Args:
        function: the step.
        state: a State.
        arguments: nested tuples, lists and dicts of arrays, constant Variables and
            Python values, as ``prepared`` returns them.
        floats_vary: whether the program is for every float among them, as Numbers;
            default True.
        keeps: whether attributes that the step sets and its random draws stay; if they
            do not, it is a trial; default True.
        any_length: as of Recording; default False.

    Raises:
        DeviceError: the state is on several devices.
        GraphError: another thread records with this state.
    """
    where, before = _usable_device(state), random.state()
    xp = NAMESPACES[type(backend.asarray(0.0, where))]
    recording = Recording(xp, where, before[1], any_length)
    inputs = _inputs(leaves(arguments), len(state.numbers) if floats_vary else None)
    given = iter([given_as(leaf) for leaf in inputs])
    attributes = Attributes(state.modules)

    def run():
        held = [slot.get() for slot in state.slots]
        with recording, use_device(TRACE), noted(), state.traced(recording):
            returned = called(function, mapped(arguments, lambda leaf: next(given)))
            outputs, returned = mapped(returned, _output), mapped(returned, result_of)
            kept = _kept(recording)
            return returned, outputs, kept, state.changes(held), random.next_draw(0)

    try:  # what is switched in a context of its own stays switched nowhere else
        returned, outputs, kept, changes, stream = contextvars.copy_context().run(run)
        random.restore((random.state()[0], stream))
    except BaseException:
        attributes.put_back(recording)
        random.restore(before)
        raise
    give_memory_back()
    program = Program(
        recording,
        given=[_value_of(leaf) for leaf in inputs],
        outputs=outputs,
        updates=changes[0],
        draws=stream[1] - before[1][1],
        state=state,
        input_names=_names(function, arguments),
        attributes=kept,
        trial=Trial(record, function, state, arguments, floats_vary) if keeps else None,
    )
    _look_around(program, function, recording)
    if not keeps:
        attributes.put_all_back(recording)
        random.restore(before)
    return program, Eager(state, changes, returned)


def _look_around(program, function, recording):
    program.outside = Outside(function, recording, program.reads)
    program.digest = digest(program)


def _usable_device(state):
    where = device_of_state(state)
    if where == TRACE:
        raise GraphError(
            "compile: another thread records a step with this state; call each step "
            "twice before the threads start, or take turns"
        )
    return where


def _kept(recording):
    """Let attributes that are results be real; return as Outputs what is compared."""
    kept = []
    for module, name, value in made(recording):
        if not name.startswith("_") or is_plain(value):
            kept.append((module, name, mapped(value, _kept_leaf)))
        vars(module)[name] = mapped(value, result_of)
    return kept


def _kept_leaf(leaf):
    try:
        return _output(leaf)
    except GraphError:  # a Variable from elsewhere: as it is
        return Output("constant", leaf)


class Eager:
    """What a step that has been recorded came to.

    Attributes:
        returned: what it returned.
    """

    def __init__(self, state, changes, returned):
        self._state, self.returned = state, returned
        self._updates, self._arrays = changes

    def write(self):
        """Change the state as the step does."""
        self._state.write(self._updates, self._arrays)

    def results(self):
        """Give away all that it returned, flat, and all arrays of the state then."""
        arrays = [slot.get() for slot in self._state.slots]
        for update, array in zip(self._updates, self._arrays, strict=True):
            arrays[update.slot] = array
        self._updates = self._arrays = ()
        returned = leaves(self.returned)
        return [
            *[array_of(x) for x in returned],
            *arrays,
        ]


def _names(function, arguments):
    """Return a name for each leaf of the arguments, after the function's parameters."""
    named = arguments[-1] if arguments and type(arguments[-1]) is Named else {}
    arguments = arguments[:-1] if named else arguments
    known = list(parameters(function) or ())
    known += [f"x{i}" for i in range(len(known), len(arguments))]
    names = []
    for name, argument in [*zip(known, arguments, strict=False), *named.items()]:
        inner = leaves(argument)
        is_leaf = len(inner) == 1 and inner[0] is argument
        names += [name] if is_leaf else [f"{name}_{i}" for i in range(len(inner))]
    return names


def prepared(leaf):
    """Return a leaf of a step's arguments as an array, a Variable or a Python value.

    Raises:
        ArgumentError: a trainable Variable came.
    """
    if isinstance(leaf, Variable):
        if leaf.trainable:
            raise ArgumentError(
                f"compile: {leaf._label()} {leaf.shape} came as an argument, but it is "
                "trainable; give it to xdl.compile as state"
            )
        return leaf
    if isinstance(leaf, numbers.Real) and hasattr(leaf, "item"):
        return leaf.item()  # NumPy's scalars are numbers
    if backend.namespace(leaf) is not None:
        return backend.asarray(leaf)
    return leaf


def device_of_state(state):
    """Return the one Device of all Variables of a state; the current one without any.

    Raises:
        DeviceError: they are on several.
    """
    found = {backend.device_of(slot.get()) for slot in state.slots if not slot.is_grad}
    if len(found) > 1:
        listed = " and ".join(sorted(found))
        raise DeviceError(f"compile: the state is on {listed}, needed one device")
    return found.pop() if found else backend.device()


def _inputs(given, first_number):
    """Return the arguments as what is recorded of them.

    Args:
        given: the arguments, flat.
        first_number: which Number of the program the first float is; None: it is none.
    """
    inputs, count = [], first_number
    for i, leaf in enumerate(given):
        if type(leaf) is float and first_number is not None:
            inputs.append(Number(leaf, Value(leaf, "number", count)))
            count += 1
        else:
            inputs.append(_input(leaf, i))
    return inputs


def _input(leaf, i):
    """Return an array of the arguments as a Traced, or a Python value as it is."""
    if isinstance(leaf, Variable):
        traced = _input(array_of(leaf), i)
        return Variable._of(traced, is_data=is_data(leaf))
    if type(leaf) in backend.ARRAYS:
        return Traced(leaf, Value(leaf, "input", i))
    return leaf


def given_as(leaf):
    """Return what the function gets: arrays as Variables, which can do more."""
    if type(leaf) in backend.ARRAYS:
        return Variable._of(leaf, is_data=True)
    return leaf


def _value_of(leaf):
    array = array_of(leaf)
    return array.value if type(array) in (Traced, Number) else None


def _output(leaf):
    if isinstance(leaf, Number):
        return Output("number", leaf.value)
    array = array_of(leaf)
    if type(array) is not Traced:
        if isinstance(leaf, Variable) and not is_data(leaf):
            raise GraphError(not_in_state(leaf._label(), leaf.shape))
        return Output("constant", leaf)
    kind = "variable" if isinstance(leaf, Variable) else "array"
    return Output(kind, value_now(array))


def result_of(leaf):
    """Return what a step returned as what its caller gets: a copy, without a graph."""
    if isinstance(leaf, Number):
        return leaf.number
    array = array_of(leaf)
    array = array.array if type(array) is Traced else array
    if type(array) not in NAMESPACES:
        return leaf
    xp = NAMESPACES[type(array)]
    real = xp.copy(xp.asarray(array))
    return Variable._of(real) if isinstance(leaf, Variable) else real
