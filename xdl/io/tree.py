"""Nested states, taken apart into JSON values and arrays, and put together again."""

import numpy as np

from xdl import backend
from xdl.core.variable import array_of
from xdl.errors import ArgumentError, DtypeError


def without_arrays(nested, arrays, path=()):
    """Return a state as JSON values, with None in the place of each array.

    Args:
        nested: dicts, lists and tuples of arrays, Variables, numbers, str and None.
        arrays: a dict; it gets the arrays, on the host, by the paths to them: tuples of
            keys and positions.

    Raises:
        ArgumentError: there is something else, or a key that is no str.
    """
    if isinstance(nested, dict):
        for key in nested:
            if not isinstance(key, str):
                raise ArgumentError(f"save: {name_of(path)}: key {key!r}, needed a str")
        pairs = nested.items()
        return {key: without_arrays(v, arrays, (*path, key)) for key, v in pairs}
    if isinstance(nested, list | tuple):
        items = enumerate(nested)
        return [without_arrays(item, arrays, (*path, i)) for i, item in items]
    if isinstance(nested, np.generic):
        nested = nested.item()
    if nested is None or isinstance(nested, str | bool | int | float):
        return nested
    array = array_of(nested)
    if backend.namespace(array) is None:
        raise ArgumentError(
            f"save: {name_of(path)}: {type(nested).__name__} came, needed an array, a "
            "number, a str, None, a dict or list of them, or under a name of its own a "
            "Module or an object with state_dict and load_state_dict"
        )
    arrays[path] = _on_host(array, path)
    return None


def _on_host(array, path):
    """Return an array on the host; refuse what would lose something, such as a mask."""
    try:
        return backend.to_numpy(backend.as_known_array(array))
    except DtypeError as error:
        said = str(error).removeprefix("asarray: ")
        raise ArgumentError(f"save: {name_of(path)}: {said}") from None


def with_arrays(skeleton, arrays):
    """Return what ``without_arrays`` took apart; it changes the skeleton.

    Raises:
        LookupError, TypeError, ValueError: arrays and skeleton do not belong together.
    """
    for path, array in arrays.items():
        holder = skeleton
        for key in path[:-1]:
            holder = holder[key]
        if holder[path[-1]] is not None:
            raise ValueError(f"{name_of(path)!r} is no place of an array")
        holder[path[-1]] = array
    return skeleton


def name_of(path):
    """Return a path of keys and positions as a str that UTF-8 can hold."""
    name = "/".join(map(str, path))
    return name.encode("utf-8", "backslashreplace").decode()
