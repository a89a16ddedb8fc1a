"""Indices outside of their axis: the sentence, and the search where CuPy has none."""

from xdl.backend import known
from xdl.errors import IndexRangeError, LabelError


def refuse_index(indices, size, who, error, when=""):
    """Raise ``error`` naming the first index of a host array outside ``[0, size)``."""
    flat = indices.reshape(-1).tolist()
    # None where somebody wrote into it since it was checked.
    position = next((i for i, v in enumerate(flat) if not 0 <= v < size), None)
    holds = "a position holds another"
    if position is not None:
        holds = f"position {position} holds {flat[position]}"
    of_what = f" ({size} classes)" if error is LabelError else ""
    raise error(f"{who}: {holds}, needed 0 to {size - 1}{of_what}{when}")


def checked(x, index, ask=None, trusts=False):
    """Return ``index`` with its integer arrays as int64, each checked on its axis.

    Args:
        x: an array on a GPU.
        index: what it is indexed with.
        ask: as for ``inside``.
        trusts: whether an array that was checked for the forward is not checked again.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if not [part for part in parts if _is_array(part)]:
        return index
    rest = x.ndim - sum(map(_axes_of, parts))  # what an Ellipsis stands for
    found, axis = [], 0
    for part in parts:
        is_array = _is_array(part) and part.dtype.kind in "iu"
        if is_array and axis < x.ndim:
            is_known = trusts and known.was_checked(part, x.shape[axis])
            part = inside(part, axis, x.shape[axis], ask, is_known)
        found.append(part)
        axis += rest if part is Ellipsis else _axes_of(part)
    return tuple(found)


def _axes_of(part):
    """Return how many axes a part of an index points into."""
    if part is None or part is Ellipsis or part is True or part is False:
        return 0
    is_mask = _is_array(part) and part.dtype.kind == "b"
    return part.ndim if is_mask else 1


def inside(indices, axis, size, ask=None, is_known=False):
    """Return ``indices`` as int64, or raise an error for the first one outside.

    Narrow integers would overflow where CuPy adds the length of the axis to them.

    Args:
        indices: an integer array on a GPU.
        axis, size: of what they index.
        ask: ``ask(indices, low, high, refuse)`` asks the GPU; None: it is waited for.
        is_known: whether they need no check.
    """
    is_known = is_known or known.is_within(indices, -size, size)

    def refuse(part, when):
        outside = (i for i in indices.get().reshape(-1).tolist())
        wrong = next((i for i in outside if not -size <= i < size), "that was changed")
        raise IndexRangeError(
            f"index {wrong} is out of bounds for axis {axis} with size {size}{when}"
        )

    if ask is not None and not is_known:
        ask(indices, -size, size, refuse)
        known.note_checked(indices, size)
    wide = indices.astype("int64", copy=False)
    if ask is None and not is_known and greatest(wide + size) >= 2 * size:
        refuse(0, "")
    return wide


def greatest(indices):
    """Return the greatest int64 as an unsigned number: a negative one is greater."""
    return int(indices.view("uint64").max())


def _is_array(part):
    """Tell whether part of an index is an array on a GPU; NumPy's numbers are none."""
    return hasattr(part, "dtype") and hasattr(part, "get")
