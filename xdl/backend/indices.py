"""Indices outside of their axis: the sentence, and the search where CuPy has none."""

from xdl.errors import LabelError


def refuse_index(indices, size, who, error):
    """Raise ``error`` naming the first index of a host array outside ``[0, size)``."""
    flat = indices.reshape(-1).tolist()
    position = next(i for i, v in enumerate(flat) if not 0 <= v < size)
    of_what = f" ({size} classes)" if error is LabelError else ""
    raise error(
        f"{who}: position {position} holds {flat[position]}, needed 0 to "
        f"{size - 1}{of_what}"
    )


def checked(x, index):
    """Return ``index`` with its integer arrays as int64, each checked on its axis."""
    parts = index if isinstance(index, tuple) else (index,)
    if not [part for part in parts if _is_array(part)]:
        return index
    rest = x.ndim - sum(map(_axes_of, parts))  # what an Ellipsis stands for
    found, axis = [], 0
    for part in parts:
        is_array = _is_array(part) and part.dtype.kind in "iu"
        if is_array and axis < x.ndim:
            part = inside(part, axis, x.shape[axis])
        found.append(part)
        axis += rest if part is Ellipsis else _axes_of(part)
    return tuple(found)


def _axes_of(part):
    """Return how many axes a part of an index points into."""
    if part is None or part is Ellipsis or part is True or part is False:
        return 0
    is_mask = _is_array(part) and part.dtype.kind == "b"
    return part.ndim if is_mask else 1


def inside(indices, axis, size):
    """Return ``indices`` as int64, or raise NumPy's error for the first one outside.

    Narrow integers would overflow where CuPy adds the length of the axis to them.
    """
    indices = indices.astype("int64", copy=False)
    if indices.size and greatest(indices + size) >= 2 * size:
        host = indices.get().reshape(-1).tolist()
        wrong = next(i for i in host if not -size <= i < size)
        raise IndexError(
            f"index {wrong} is out of bounds for axis {axis} with size {size}"
        )
    return indices


def greatest(indices):
    """Return the greatest int64 as an unsigned number: a negative one is greater."""
    return int(indices.view("uint64").max())


def _is_array(part):
    """Tell whether part of an index is an array on a GPU; NumPy's numbers are none."""
    return hasattr(part, "dtype") and hasattr(part, "get")
