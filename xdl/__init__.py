"""xdl: a deep learning framework on plain arrays, NumPy on the CPU, CuPy on CUDA."""

from typing import TYPE_CHECKING

from xdl import late, ops

__version__ = "0.2.0"

_PLACES = {name: ("xdl.ops", name) for name in ops.__all__} | late.places("xdl")

__all__ = list(_PLACES)

if TYPE_CHECKING:
    from xdl.exports import *
    from xdl.nn import init as init  # pyright follows no module through two stars
    from xdl.ops.exports import *
else:
    __getattr__, __dir__ = late.attributes("xdl", _PLACES)
