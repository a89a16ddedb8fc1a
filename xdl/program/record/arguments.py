"""How a step is called: what came by name is put in its place, where it has one.

So it does not matter to which program is used. What has no place, such as what is taken
by name alone, stands last, as a ``Named``.
"""

import inspect

from xdl.arguments import misfit
from xdl.core.module import Module
from xdl.program.pytree import Named


def parameters(function):
    """Return the parameters of a step by name; of a Module, those of ``forward``.

    None: the function, one of C, does not tell.
    """
    try:
        return inspect.signature(_asked(function)).parameters
    except (TypeError, ValueError):
        return None


def _asked(function):
    return function.forward if isinstance(function, Module) else function


def called(function, arguments):
    """Call a function with arguments of which the last may be a Named."""
    if arguments and type(arguments[-1]) is Named:
        return function(*arguments[:-1], **arguments[-1])
    return function(*arguments)


class Placing:
    """What becomes of arguments that come by name.

    Args:
        function: what they are for.
    """

    def __init__(self, function):
        self._function, self._known = function, parameters(function)
        self._ways = {}  # from (how many by place, names) to two lists of names

    def __call__(self, arguments, named):
        """Return arguments by place, what has none last as a Named.

        Args:
            arguments: a tuple.
            named: a dict.

        Raises:
            ArgumentError: the function does not take them.
        """
        form = len(arguments), *named
        way = self._ways.get(form)
        if way is None:
            way = self._ways[form] = self._way(arguments, named)
        placed, left = way
        given = (*arguments, *map(named.__getitem__, placed))
        return (*given, Named({name: named[name] for name in left})) if left else given

    def _way(self, arguments, named):
        """Return which names have a place, in order, and which do not."""
        if self._known is None:
            return [], list(named)
        self._refuse_misfit(arguments, named)
        places = [p for p in self._known.values() if p.kind <= p.POSITIONAL_OR_KEYWORD]
        placed = []
        for parameter in places[len(arguments) :]:
            if parameter.kind == parameter.POSITIONAL_ONLY or (
                parameter.name not in named
            ):
                break
            placed.append(parameter.name)
        left = [name for name in named if name not in placed]
        order = {name: i for i, name in enumerate(self._known)}
        # Python tells a function in which order what it takes as ** came.
        return placed, sorted(left, key=lambda name: order.get(name, len(order)))

    def _refuse_misfit(self, arguments, named):
        function = _asked(self._function)
        try:
            inspect.signature(function).bind(*arguments, **named)
        except TypeError:
            who = getattr(function, "__name__", "")
            if function is not self._function:
                who = f"{type(self._function).__name__}.forward"
            who = who if who.replace(".", "").isidentifier() else "step"
            raise misfit(function, arguments, named, who) from None
