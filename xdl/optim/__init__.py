"""How gradients change weights: optimizers, schedules, clipping, averages."""

from typing import TYPE_CHECKING

from xdl import late

_PLACES = late.places("xdl.optim")

__all__ = list(_PLACES)

if TYPE_CHECKING:
    from xdl.optim.exports import *
else:
    __getattr__, __dir__ = late.attributes("xdl.optim", _PLACES)
