"""Models to use, and to copy from: one screen each."""

from typing import TYPE_CHECKING

from xdl import late

_PLACES = late.places("xdl.models")

__all__ = list(_PLACES)

if TYPE_CHECKING:
    from xdl.models.exports import *
else:
    __getattr__, __dir__ = late.attributes("xdl.models", _PLACES)
