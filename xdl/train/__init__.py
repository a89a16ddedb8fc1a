"""Training without a loop of one's own: batches, a trainer, metrics and callbacks."""

from typing import TYPE_CHECKING

from xdl import late

_PLACES = late.places("xdl.train")

__all__ = list(_PLACES)

if TYPE_CHECKING:
    from xdl.train.exports import *
else:
    __getattr__, __dir__ = late.attributes("xdl.train", _PLACES)
