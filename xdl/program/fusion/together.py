"""Together: groups that need nothing of one another, as one launch of a GPU.

The updates of all weights are such. Between what is in no group, groups stand in
levels: those of one level read only what was there before it.
"""

from xdl.program.fusion.groups import REPEATED, Group
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, owner_of


class Together(Group):
    """Groups of one level.

    Nothing of it is written over what it reads: the parts run at the same time.

    Attributes:
        parts: the groups.
    """

    __slots__ = ("parts",)

    def __init__(self, parts):
        super().__init__()
        self.parts = parts
        self.inner = [one for part in parts for one in part.inner]
        read = dict.fromkeys([v for part in parts for v in part.arguments])
        self.arguments = tuple(read)
        self.outputs = tuple([v for part in parts for v in part.outputs])
        every = [value for part in parts for value in part.kinds]
        self.kinds = dict.fromkeys(every, REPEATED)
        self.place = "; ".join(dict.fromkeys([p.place for p in parts if p.place]))


class Alone(Group):
    """One instruction as a group."""

    def __init__(self, one):
        super().__init__(one.result.shape)
        self.inner, self.outputs = [one], (one.result,)
        self.arguments = tuple(dict.fromkeys(one.operands()))
        self.kinds = dict.fromkeys([*self.arguments, one.result], REPEATED)
        self.place = one.place


def put_together(program, may_join=lambda one: False):
    """Let groups that need nothing of one another be one; the program is changed.

    Args:
        program: a Program whose groups are gathered for threads.
        may_join: tells of an instruction in no group whether it can be with groups.
    """
    written: list[Instruction] = []
    stretch: list[Instruction] = []
    for one in program.instructions:
        if isinstance(one, Group) or one.is_view or _is_number(one):
            stretch.append(one)
            continue
        if one.row.kind != Kind.CHANGE and one.result is not None and may_join(one):
            stretch.append(Alone(one))
            continue
        written += [*_leveled(stretch), one]
        stretch = []
    program.instructions = written + _leveled(stretch)


def _is_number(one):
    return one.result is not None and one.result.is_number


def _leveled(stretch):
    """Return instructions by levels: of each first views and numbers, then groups."""
    ready: dict[Value, int] = {}
    levels: dict[int, tuple[list[Instruction], list[Instruction]]] = {}
    for one in stretch:
        level = max([ready.get(v, 0) for v in _read(one)], default=0)
        others, groups = levels.setdefault(level, ([], []))
        if isinstance(one, Group):
            groups.append(one)
            ready |= dict.fromkeys(one.made(), level + 1)
        else:
            others.append(one)
            ready[one.result] = level
    written: list[Instruction] = []
    for _, (others, groups) in sorted(levels.items()):
        written += others
        alone = [g.inner[0] if isinstance(g, Alone) else g for g in groups]
        written += [Together(groups)] if len(groups) > 1 else alone
    return written


def _read(one):
    """Return what must be there: operands, and what those are views of."""
    values = one.arguments if isinstance(one, Group) else one.operands()
    return [*values, *map(owner_of, values)]
