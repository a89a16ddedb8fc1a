"""Many steps in one call: a compiled step over stacked batches."""

from typing import Any

from xdl import backend
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError, EmptyBatchError, ShapeError
from xdl.program.pytree import leaves, mapped


class Listed:
    """Python values that several steps returned, in the place of one."""

    __slots__ = ("items",)

    def __init__(self, items):
        self.items = items


def over(step, arguments):
    """Call a step on each batch of stacked arguments; return what it returns, stacked.

    Args:
        step: a Compiled whose lock is held.
        arguments: as of ``Compiled.over``.
    """
    arguments = mapped(arguments, plain)
    count = _count(leaves(arguments))
    is_flat = all(map(_is_array, arguments))
    pick = _picked if is_flat else _picked_nested
    pieces, k = [], 0  # what one step returned, or several: (nested, is of several)
    while k < count:
        given = pick(arguments, k)
        done, returned = step.native_steps(given, arguments, k, count)
        if done:
            pieces.append((returned, True))
        else:
            done = 1
            pieces.append((_one(step, given, k, count), False))
        k += done
    return joined(pieces)


def _picked(arrays, k):
    return [array[k, ...] for array in arrays]


def _picked_nested(arguments, k):
    return mapped(arguments, lambda leaf: leaf[k, ...] if _is_array(leaf) else leaf)


def _one(step, arguments, k, count):
    try:
        return step(*arguments)
    except Exception as error:
        error.add_note(
            f"compile: this came up in batch {k} of {count}; the state is as the "
            "batches before it left it"
        )
        raise


def joined(pieces):
    """Return what many steps return as one: all nested alike.

    Args:
        pieces: what one step returned, or several: pairs (nested, is of several).
    """
    flat = [leaves(returned) for returned, _ in pieces]
    are_stacked = [is_stacked for _, is_stacked in pieces]
    columns = zip(*flat, strict=True)
    joined = iter([_join(column, are_stacked) for column in columns])
    return mapped(pieces[0][0], lambda leaf: next(joined))


def _join(column, are_stacked):
    """Return one leaf of what several steps return, stacked."""
    first = column[0]
    if isinstance(first, Variable):
        arrays = _join([array_of(leaf) for leaf in column], are_stacked)
        return Variable._of(arrays)
    if not _is_array(first):
        items: list[Any] = []
        for leaf in column:
            items += leaf.items if isinstance(leaf, Listed) else [leaf]
        return None if all(item is None for item in items) else items
    pairs = zip(column, are_stacked, strict=True)
    parts = [array if is_stacked else array[None] for array, is_stacked in pairs]
    return parts[0] if len(parts) == 1 else backend.namespace(first).concat(parts)


def stacked(outputs, results, count):
    """Return the nested Outputs of a program as what several steps gave.

    Args:
        outputs: the Outputs.
        results: an iterator over the arrays of all steps.
        count: how many steps there were.
    """

    def one(output):
        if output.kind == "constant":
            return Listed([output.value] * count)
        array = next(results)
        if output.kind == "number":
            return Listed(array.tolist())
        return Variable._of(array) if output.kind == "variable" else array

    return mapped(outputs, one)


def plain(leaf):
    """Return a leaf of the arguments as an array, if it is one."""
    if not isinstance(leaf, Variable):
        return leaf
    if leaf.trainable:
        raise ArgumentError(
            f"over: {leaf._label()} {leaf.shape} came as an argument, but it is "
            "trainable; give it to xdl.compile as state"
        )
    return array_of(leaf)


def _is_array(leaf):
    return type(leaf) in backend.ARRAYS


def _count(given):
    """Return how many batches there are.

    Raises:
        ArgumentError, EmptyBatchError, ShapeError: it cannot be said, or there is none.
    """
    shapes = [leaf.shape for leaf in given if _is_array(leaf)]
    if not shapes:
        raise ArgumentError("over: no array came, needed at least one, of batches")
    counts = {shape[:1] for shape in shapes}
    if () in counts or len(counts) > 1:
        listed = " and ".join(map(str, shapes))
        raise ShapeError(
            f"over: arrays {listed} came, needed the same number of batches along the "
            "first axis of each"
        )
    ((count,),) = counts
    if count == 0:
        raise EmptyBatchError("over: 0 batches came, needed at least one")
    return count
