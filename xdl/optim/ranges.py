"""What the options of optimizers and schedules may be."""

import math
import numbers
from typing import Annotated, Any, ClassVar, get_origin

from xdl.arguments import explain_init
from xdl.core.option import plain
from xdl.errors import ArgumentError
from xdl.recording import count_revision


class Checked:
    """An object whose options are checked whenever they are set.

    A parameter of the constructor whose annotation has a range (``Annotated``) is an
    option, and so is what a subclass lists in ``ranges``: the attribute of that name.
    """

    ranges: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.ranges = cls.ranges | _annotated(vars(cls)["__init__"])
        explain_init(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.ranges:
            value = plain(type(self).__name__, name, value)
            value = self.ranges[name].checked(f"{type(self).__name__}.{name}", value)
            self.admit(name, value)
        self.__dict__[name] = value
        if name in self.ranges or name in self.__dict__.get("_followed", ()):
            count_revision()  # last: another thread may look at once

    def __repr__(self) -> str:
        known = [name for name in self.ranges if name in vars(self)]
        listed = ", ".join(f"{name}={getattr(self, name)!r}" for name in known)
        return f"{type(self).__name__}({listed})"

    def admit(self, name: str, value: Any) -> None:
        """Refuse a value in its range that does not fit the rest; a subclass may."""

    def options(self) -> dict[str, Any]:
        """Return a dict of all options."""
        return {name: getattr(self, name) for name in self.ranges}

    def misfit_options(self, saved: Any) -> list[str]:
        """Return what hinders ``take_options``: a sorted list of str."""
        if not isinstance(saved, dict):
            return [f"{type(saved).__name__} came, needed a dict"]
        faults = [f"missing {name!r}" for name in self.ranges if name not in saved]
        faults += [f"unknown {name!r}" for name in saved if name not in self.ranges]
        for name in self.ranges.keys() & saved.keys():
            try:
                self.ranges[name].checked(name, saved[name])
            except ArgumentError as error:
                faults.append(str(error))
        return sorted(faults)

    def take_options(self, saved: Any) -> None:
        """Take over what ``options`` returned; it has no misfits."""
        for name, kind in self.ranges.items():
            self.__dict__[name] = kind.checked(name, saved[name])
        count_revision()


def _annotated(init):
    """Return the ranges in the annotations of a constructor, by parameter."""
    hints = init.__annotations__
    return {
        n: h.__metadata__[0] for n, h in hints.items() if get_origin(h) is Annotated
    }


class Kind:
    """What a value may be: ``str`` says it in words."""

    def __str__(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self}>"

    def checked(self, who: str, value: Any) -> Any:
        """Return ``value`` as it is kept.

        Raises:
            ArgumentError: it may not be that; ``who`` is the option.
        """
        raise NotImplementedError


class Range(Kind):
    """The numbers that a hyperparameter may be: from ``low`` up to, without, ``high``.

    Args:
        low, high: the ends.
        includes_low: whether ``low`` itself is in the range; default True.
    """

    def __init__(
        self,
        low: float = 0.0,
        high: float = math.inf,
        includes_low: bool = True,
    ) -> None:
        self.low, self.high, self.includes_low = low, high, includes_low

    def __str__(self) -> str:
        start = "[" if self.includes_low and self.low > -math.inf else "("
        return f"a number in {start}{self.low:g}, {self.high:g})"

    def checked(self, who: str, value: Any) -> Any:
        """Return ``value`` as a float.

        Raises:
            ArgumentError: it is no number, or outside the range; NaN is.
        """
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ArgumentError(f"{who}: {value!r} came, needed {self}")
        try:
            number = float(value)
        except OverflowError:
            raise ArgumentError(
                f"{who}: an int beyond all floats came, needed {self}"
            ) from None
        is_above = number >= self.low if self.includes_low else number > self.low
        if not (is_above and number < self.high) or number == -math.inf:
            raise ArgumentError(f"{who}: {number} came, needed {self}")
        return number


class Whole(Kind):
    """The integers from ``low`` on."""

    def __init__(self, low: int = 1) -> None:
        self.low = low

    def __str__(self) -> str:
        return f"an int >= {self.low}"

    def checked(self, who: str, value: Any) -> Any:
        """Return ``value`` as an int.

        Raises:
            ArgumentError: it is no integer, or less than ``low``.
        """
        is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not is_whole or value < self.low:
            raise ArgumentError(f"{who}: {value!r} came, needed {self}")
        return int(value)


class Flag(Kind):
    """True or False."""

    def __str__(self) -> str:
        return "True or False"

    def checked(self, who: str, value: Any) -> Any:
        """Return ``value``.

        Raises:
            ArgumentError: it is no bool.
        """
        if not isinstance(value, bool):
            raise ArgumentError(f"{who}: {value!r} came, needed {self}")
        return value


class OneOf(Kind):
    """One of the strings that are listed."""

    def __init__(self, *choices: Any) -> None:
        self.choices = choices

    def __str__(self) -> str:
        return " or ".join(map(repr, self.choices))

    def checked(self, who: str, value: Any) -> Any:
        """Return ``value``.

        Raises:
            ArgumentError: it is not listed.
        """
        if not isinstance(value, str) or value not in self.choices:
            raise ArgumentError(f"{who}: {value!r} came, needed {self}")
        return value


class Maybe(Kind):
    """None, or what another range takes."""

    def __init__(self, other: Any) -> None:
        self.other = other

    def __str__(self) -> str:
        return f"None or {self.other}"

    def checked(self, who: str, value: Any) -> Any:
        """Return ``value``, checked by the other range unless it is None.

        Raises:
            ArgumentError: the other range refuses it.
        """
        return None if value is None else self.other.checked(who, value)


class Several(Kind):
    """A tuple with one value for each of the ranges listed."""

    def __init__(self, *ranges: Any) -> None:
        self.ranges = ranges

    def __str__(self) -> str:
        return f"a tuple of {', '.join(map(str, self.ranges))}"

    def checked(self, who: str, value: Any) -> Any:
        """Return ``value`` as a tuple, each item checked by its range.

        Raises:
            ArgumentError: it is no tuple or list of that many, or an item is refused.
        """
        if not isinstance(value, tuple | list) or len(value) != len(self.ranges):
            raise ArgumentError(f"{who}: {value!r} came, needed {self}")
        pairs = zip(self.ranges, value, strict=True)
        return tuple(
            r.checked(f"{who}[{i}]", item) for i, (r, item) in enumerate(pairs)
        )


# What the options of constructors are annotated with.
NonNegative = Annotated[float, Range()]
Positive = Annotated[float, Range(includes_low=False)]
Fraction = Annotated[float, Range(high=1.0)]
UnitInterval = Annotated[float, Range(high=math.nextafter(1.0, 2.0))]
Switch = Annotated[bool, Flag()]
Betas = Annotated[tuple[float, float], Several(Range(high=1.0), Range(high=1.0))]
PositiveInt = Annotated[int, Whole()]
NonNegativeInt = Annotated[int, Whole(0)]
