"""The default initializer, that of the article."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdl.arguments import explained
from xdl.backend import random
from xdl.typing import Array


@explained
def scaled_normal(shape: Sequence[int]) -> Array:
    """Draw from N(0, 1) / sqrt(shape[0]): the default initializer.

    Args:
        shape: a tuple of ints; an empty one draws from N(0, 1).

    Returns:
        A float64 NumPy array.

    Reference: "Implement a deep learning framework" (part 2, class Parameter); the
    variance 1 / inputs is that of LeCun et al., "Efficient BackProp", 1998, eq. 16.

    Example:
        >>> import xdl
        >>> xdl.seed(0)
        >>> w = xdl.init.scaled_normal((100, 50))
        >>> bool(abs(w.std() - 0.1) < 0.01)
        True
    """
    rows = shape[0] if shape else 1
    return random.generator().standard_normal(shape) / math.sqrt(rows or 1)
