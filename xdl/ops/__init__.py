"""The operations: each a function of Variables, arrays and numbers.

``xdl.ops`` is itself a namespace that gradients are computed with when they are to be
differentiated again. A function is loaded, with its family, at its first use. So are
the operations themselves, under their own names: ``xdl.ops.Softmax(axis=0)(x)``.
"""

import sys
from typing import TYPE_CHECKING

from xdl import late
from xdl.core.install import install

_PLACES = late.places("xdl.ops")
_FOR_GRADIENTS = {"asarray", "check_indices", "quiet", "scatter_add"}
_FOR_GRADIENTS |= {"new_arange", "new_ones", "new_zeros", "scatter_set", "zero_unless"}
_FOR_GRADIENTS |= {"is_within", "special"}

fused = None  # gradients of gradients are composed

__all__ = [n for n in _PLACES if n[0].islower() and n not in _FOR_GRADIENTS]

if TYPE_CHECKING:
    from xdl.ops.exports import *
else:
    __getattr__, __dir__ = late.attributes("xdl.ops", _PLACES)

install(sys.modules[__name__])
