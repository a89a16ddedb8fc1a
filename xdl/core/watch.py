"""Watching a store of Variables: whether there may be others in it by now.

Stores and attributes count what is put into them. A list or a dict is Python's own, so
what was in it is compared with what is in it now.
"""

from operator import is_

from xdl.backend import ARRAYS
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable
from xdl.recording import registrations

_DATA = (int, float, complex, str, bytes)


class Watch:
    """What stores and the lists in them held at one moment.

    Lists of numbers, texts, arrays and results are not watched: logs are kept in them,
    and a comparison takes 30 ns an element.

    Args:
        *parameters: Parameters.

    Example:
        >>> import xdl
        >>> model = xdl.Module()
        >>> model.layers = []
        >>> watch = Watch(model.parameter)
        >>> model.layers.append(xdl.nn.Linear(2, 2))
        >>> watch.is_over()
        True
    """

    __slots__ = ("lists", "number")

    def __init__(self, *parameters):
        self.number = registrations.number
        lists = [one for parameter in parameters for one in parameter.lists()]
        unique = {id(one): one for one in lists}.values()
        self.lists = [(one, items_of(one)) for one in unique if not holds_data(one)]

    def is_over(self):
        """Tell whether something was stored, mounted or changed in a list since."""
        if self.number != registrations.number:
            return True
        return self.has_changed() if self.lists else False

    def has_changed(self):
        """Tell whether any of the lists and dicts holds something else."""
        for one, before in self.lists:
            now = one if type(one) is list else items_of(one)
            if len(now) != len(before) or not all(map(is_, now, before)):
                return True
        return False


def items_of(one):
    """Return what is in a list, tuple or dict, keys too."""
    return [*one, *one.values()] if isinstance(one, dict) else list(one)


def holds_data(one):
    """Tell whether a list or dict has items, and only such as never hold weights."""
    items = one.values() if isinstance(one, dict) else one
    return bool(one) and all(map(_is_data, items))


def _is_data(item):
    kind = type(item)
    if kind is Variable:
        return not item._is_made
    if kind in ARRAYS or isinstance(item, _DATA):
        return True
    if isinstance(item, list | tuple | dict):
        return holds_data(item)
    is_store = isinstance(getattr(item, "parameter", None), Parameter)
    return item is not None and not callable(item) and not is_store
