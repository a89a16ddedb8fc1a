"""The sentence for an index that points outside its axis."""


def refuse_index(indices, size, who, error):
    """Raise ``error`` naming the first index of a host array outside ``[0, size)``."""
    flat = indices.reshape(-1).tolist()
    position = next(i for i, v in enumerate(flat) if not 0 <= v < size)
    raise error(
        f"{who}: position {position} holds {flat[position]}, "
        f"needed 0 to {size - 1} ({size} classes or rows)"
    )
