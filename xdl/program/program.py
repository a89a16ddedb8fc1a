"""Program: a step as a flat list of array instructions."""

from __future__ import annotations

from typing import Any, NamedTuple

from xdl.program.pytree import leaves
from xdl.program.saved.saving import save
from xdl.program.saved.text import Text
from xdl.tracing.instructions import Kind
from xdl.tracing.values import values_in
from xdl.typing import PathLike


class Update(NamedTuple):
    """What a step does to one slot of the state.

    Attributes:
        slot: its number.
        value: the Value that it holds afterwards; None: nothing any more.
        in_place: whether its array is written into rather than replaced.
    """

    slot: int
    value: Any
    in_place: bool


class Output:
    """One thing that a step returns.

    Attributes:
        kind: ``"variable"``, ``"array"``, ``"number"`` or ``"constant"``.
        value: its Value; of a constant, the object itself.
    """

    __slots__ = ("kind", "value")

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


class Program:
    """A recorded step.

    Attributes:
        instructions: a list of Instructions, in order.
        guards: (number Value, question, answer): the program holds while each question
            to a hyperparameter, or to a float that is given, has the same answer.
        given: for each leaf of the arguments its Value; None for a Python value that
            belongs to the program.
        inputs: those that are arrays; None in the place of others.
        outputs: what is returned: nested Outputs.
        updates: a list of Updates.
        draws: how many draws of random bits a step takes.
        state: the State that it reads and changes.
        reads: (object, name, value) of the attributes that it depends on.
        outside: the Outside that it holds for, or None.
        attributes: (module, name, nested Outputs) of the results that it sets as
            attributes.
        input_names: a name for each leaf of the arguments.
        trial: the Trial that records the step again; None: it is recorded by one.
        asked: the sizes that code outside of xdl asked for.
        moving: the Instructions that depend on the size of the batch, where that is
            known.
        digest: what two recordings of the same step have in common.
    """

    def __init__(
        self,
        recording,
        given,
        outputs,
        updates,
        draws,
        state,
        input_names,
        attributes,
        trial,
    ):
        self.attributes, self.trial, self.outside = attributes, trial, None
        self.asked = recording.asked
        self.moving: frozenset[Any] = frozenset()
        changed = {(id(module), name) for module, name, _ in attributes}
        self.reads = [r for at, r in recording.reads.items() if at not in changed]
        self.instructions, self.guards = recording.instructions, recording.guards
        self.given, self.outputs = given, outputs
        self.inputs = [None if v is None or v.is_number else v for v in given]
        self.updates, self.draws = updates, draws
        self.state, self.input_names = state, input_names
        self.digest = None

    @property
    def has_floats(self) -> bool:
        """Whether it is for every float that is given, rather than for one."""
        return any(value is not None and value.is_number for value in self.given)

    @property
    def slot_names(self):
        """A name for each slot of the state."""
        return [s.label + ("_gradient" if s.is_grad else "") for s in self.state.slots]

    @property
    def number_names(self):
        """A name for each hyperparameter."""
        return [
            name if position is None else f"{name}_{position}"
            for _, name, position in self.state.numbers
        ]

    def __repr__(self) -> str:
        pairs = zip(self.input_names, self.inputs, strict=True)
        given = [f"{name} {v.shape} {v.dtype}" for name, v in pairs if v is not None]
        counts = f"lines: {len(self.flat())}, changed arrays: {len(self.updates)}"
        return f"<Program of {', '.join(given) or 'no arrays'}; {counts}>"

    def __str__(self) -> str:
        """The program as a function of NumPy, one line an instruction."""
        return str(Text(self))

    def statistics(self) -> dict[str, Any]:
        """Return a dict: lines, flops, those of products among them, and bytes moved.

        A product counts two FLOPs for each multiplication, all else one for each
        element. Views cost nothing; every other instruction reads its operands and
        writes its result once.
        """
        done = [i for i in self.flat() if i.result is not None and not i.is_view]
        products = [i for i in done if i.row.kind == Kind.PRODUCT]
        return {
            "lines": len(self.flat()),
            "flops": sum(map(_flops, done)),
            "product_flops": sum(map(_flops, products)),
            "bytes": sum(map(_moved, done)),
        }

    def flat(self):
        """Return the instructions, those in groups too."""
        return [j for i in self.instructions for j in getattr(i, "inner", (i,))]

    def save(self, path: PathLike) -> None:
        """Write the program as a Python file that runs with NumPy alone.

        Beside it an ``.npz`` file of the same name holds the state and the constants.
        The file has a function ``step`` of the arguments that are arrays or floats,
        nested ones one after the other; it changes the arrays in its dict ``state`` as
        the step does. It refuses arrays of other shapes or dtypes than those that the
        program was recorded with, but for the size of the batch, which is free where
        the step is: for that the step is recorded again with small batches, of which
        nothing is left. The docstring of ``step`` says for which sizes it is, or why
        for one alone. No other thread may use the model meanwhile but by this step.

        A step that draws random numbers has two arguments more: ``key``, the seed, and
        ``draw``, how many draws were taken before. ``xdl.seed(7)`` is ``key=7,
        draw=0``; each step takes ``draws`` draws, a number in the file.

        What users call things never becomes code: names are made of it, comments and
        literals hold it. Both files are written before one of them is replaced.

        Args:
            path: where to; it ends in ``.py``.

        Raises:
            ArgumentError: it does not; or the step computes with or returns something
                that NumPy alone does not have; or its state has other shapes or dtypes
                than it was recorded with.
            OSError: a file cannot be written; the old ones are as they were.
        """
        save(self, path)

    def returned(self):
        """Return the Outputs in order."""
        return leaves(self.outputs)

    def kept(self):
        """Return the Outputs of attributes."""
        nested = [outputs for _, _, outputs in self.attributes]
        return [output for output in leaves(nested) if output.kind != "constant"]

    def results(self):
        """Return the Values that must be there at the end: outputs and updates."""
        found = [o.value for o in self.returned() if o.kind != "constant"]
        return found + [u.value for u in self.updates if u.value is not None]

    def lasting(self):
        """Return the Values that must not be overwritten: results, and attributes."""
        return [*self.results(), *[output.value for output in self.kept()]]

    def uses(self):
        """Return how often each Value is read, outputs and updates included."""
        counts: dict[Any, Any] = {}
        for instruction in self.instructions:
            for value in instruction.operands():
                counts[value] = counts.get(value, 0) + 1
        for value in self.lasting():
            counts[value] = counts.get(value, 0) + 1
        return counts


def _moved(instruction):
    row = instruction.row
    if row.kind == Kind.CHANGE and not row.adds:  # in place, most times
        return 2 * sum(v.nbytes for v in values_in(instruction.arguments[2]))
    return sum(v.nbytes for v in (*instruction.operands(), instruction.result))


def _flops(instruction):
    row = instruction.row
    if row.kind == Kind.PRODUCT:
        x = instruction.operands()[0]
        terms = x.size // x.shape[-2] if row.adds else x.shape[-1]
        return 2 * instruction.result.size * terms
    return max([v.size for v in (*instruction.operands(), instruction.result)])
