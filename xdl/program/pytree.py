"""Nested tuples, lists and dicts: what a step is given and what it returns."""


class Named(dict):
    """The arguments of a step that came by name: the last of its arguments."""

    def __repr__(self):
        return f"Named({super().__repr__()})"  # no dict that came by place


def leaves(nested):
    """Return what stands in nested tuples, lists and dicts, in order."""
    if isinstance(nested, tuple | list):
        return [leaf for item in nested for leaf in leaves(item)]
    if isinstance(nested, dict):
        return [leaf for item in nested.values() for leaf in leaves(item)]
    return [nested]


def mapped(nested, change):
    """Return the same nesting with ``change(leaf)`` in the place of each leaf."""
    if isinstance(nested, tuple) and hasattr(nested, "_fields"):
        return type(nested)(*[mapped(item, change) for item in nested])
    if isinstance(nested, tuple | list):
        return type(nested)([mapped(item, change) for item in nested])
    if isinstance(nested, dict):
        made = {key: mapped(item, change) for key, item in nested.items()}
        return Named(made) if type(nested) is Named else made
    return change(nested)
