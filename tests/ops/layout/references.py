"""What moves and joins elements, in plain NumPy."""

import numpy as np


def _split(x, sections, axis=0, part=None):
    if part is None:
        return x
    sections = sections if isinstance(sections, int) else list(sections)
    return np.split(x, sections, axis)[part]


def _unstack(x, axis=0, part=None):
    return x if part is None else np.unstack(x, axis=axis)[part]


REFERENCES = {
    "Astype": lambda x, dtype: x.astype(dtype),
    "Concat": lambda *xs, axis=0: np.concatenate(xs, axis),
    "Split": _split,
    "Stack": lambda *xs, axis=0: np.stack(xs, axis),
    "Unstack": _unstack,
}
