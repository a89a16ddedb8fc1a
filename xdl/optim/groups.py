"""Parameter groups: parts of the weights with options of their own."""

from __future__ import annotations

from typing import Any, Self

from xdl.arguments import kind
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.optim.stored import Stored
from xdl.optim.weights import as_parameter


class Group:
    """The weights of a group, on their way to the optimizer that is the group.

    Args:
        who: the name of the optimizer.
        source: what an optimizer takes, or one Variable.
    """

    def __init__(self, who: str, source: object) -> None:
        source = [source] if isinstance(source, Variable) else source
        self.parameter = as_parameter(who, source)


class Grouped(Stored):
    """What an optimizer of several groups knows of them: each is an optimizer itself.

    Attributes:
        groups: the groups; none, where all weights have the same options.
    """

    groups: tuple[Any, ...] = ()
    parameter: Parameter
    state: Parameter
    lr: float
    _share = 1.0  # of the lr of the whole

    @property
    def param_groups(self) -> list[Self]:
        """The groups, a list of optimizers with options of their own.

        Without groups it is the optimizer itself. An option that is set on the whole is
        set on every group; ``lr``, and so schedules, change all in proportion.

        Example:
            >>> import xdl
            >>> first, second = xdl.nn.Linear(2, 2), xdl.nn.Linear(2, 2)
            >>> groups = [{"params": first, "lr": 0.01}, {"params": second}]
            >>> optimizer = xdl.optim.Adam(groups, lr=0.1)
            >>> optimizer.lr = 0.2
            >>> [group.lr for group in optimizer.param_groups]
            [0.02, 0.2]
        """
        return list(self.groups) or [self]

    def _make_groups(self, given):
        """Take the dicts that say what the groups are."""
        who, self.parameter, self.state = type(self).__name__, Parameter(), Parameter()
        made = [self._made(who, i, one) for i, one in enumerate(given)]
        for i, group in enumerate(made):
            self.parameter.mount(str(i), group.parameter)
            self.state.mount(str(i), group.state)
            group._share = group.lr / self.lr if self.lr else 1.0
        self.groups = tuple(made)

    def _made(self, who, place, given):
        if not isinstance(given, dict) or "params" not in given:
            came = kind(given) if not isinstance(given, dict) else list(given)
            raise ArgumentError(
                f'{who}: group {place} is {came}, needed a dict with "params" and the '
                "options that differ"
            )
        options = {**self.options(), **given}
        make: Any = type(self)
        return make(Group(who, options.pop("params")), **options)

    def _look_in_groups(self):
        seen: set[int] = set()
        for group in self.groups:
            group.look_again()
            for variable in group.parameter.values():
                if id(variable) in seen:
                    raise ArgumentError(
                        f"{type(self).__name__}: {variable._label()} is in two groups"
                    )
            seen |= set(map(id, group.parameter.values()))

    def _pass_on(self, name, value):
        """Set an option on all groups, or on none; the lr in proportion."""
        values = [value] * len(self.groups)
        if name == "lr":
            for group in self.groups:
                if group.lr != self.lr * group._share and self.lr:  # it was set itself
                    group._share = group.lr / self.lr
            values = [value * group._share for group in self.groups]
        for group in self.groups:
            group.admit(name, value)
        for group, own in zip(self.groups, values, strict=True):
            setattr(group, name, own)

    def saved_options(self) -> dict[str, Any]:
        own = self.options()
        if self.groups:
            own["groups"] = [{"share": g._share, **g.options()} for g in self.groups]
        return own

    def misfit_options(self, saved: Any) -> list[str]:
        if not isinstance(saved, dict) or not (self.groups or "groups" in saved):
            return super().misfit_options(saved)
        own = {name: value for name, value in saved.items() if name != "groups"}
        faults, parts = super().misfit_options(own), saved.get("groups", [])
        if not isinstance(parts, list) or len(parts) != len(self.groups):
            came = len(parts) if isinstance(parts, list) else kind(parts)
            return [*faults, f"{came} groups came, needed {len(self.groups)}"]
        for i, (group, part) in enumerate(zip(self.groups, parts, strict=True)):
            if not isinstance(part, dict) or not isinstance(part.get("share"), float):
                faults.append(f"group {i} is no group")
                continue
            own = {name: value for name, value in part.items() if name != "share"}
            faults += [f"group {i}: {said}" for said in group.misfit_options(own)]
        return faults

    def take_options(self, saved: Any) -> None:
        super().take_options(saved)
        for group, part in zip(self.groups, saved.get("groups", ()), strict=True):
            group.take_options(part)
            group._share = part["share"]
