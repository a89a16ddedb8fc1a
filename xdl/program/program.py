"""Program: a step as a flat list of array instructions."""

from typing import Any, NamedTuple

from xdl.program.nest import leaves


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
            to a hyperparameter has the answer that it had.
        inputs: for each leaf of the arguments its Value; None for a Python value.
        outputs: what is returned: nested Outputs.
        updates: a list of Updates.
        draws: how many draws of random bits a step takes.
    """

    def __init__(self, instructions, guards, inputs, outputs, updates, draws):
        self.instructions, self.guards = instructions, guards
        self.inputs, self.outputs = inputs, outputs
        self.updates, self.draws = updates, draws

    def returned(self):
        """Return the Outputs in order."""
        return leaves(self.outputs)

    def results(self):
        """Return the Values that must be there at the end: outputs and updates."""
        found = [o.value for o in self.returned() if o.kind != "constant"]
        return found + [u.value for u in self.updates if u.value is not None]

    def uses(self):
        """Return how often each Value is read, outputs and updates included."""
        counts = {}
        for instruction in self.instructions:
            for value in instruction.operands():
                counts[value] = counts.get(value, 0) + 1
        for value in self.results():
            counts[value] = counts.get(value, 0) + 1
        return counts
