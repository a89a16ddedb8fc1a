"""Layers: what keeps weights, or remembers what it was given."""

from typing import TYPE_CHECKING

from xdl import late

_PLACES = late.places("xdl.nn")

__all__ = list(_PLACES)

if TYPE_CHECKING:
    from xdl.nn.exports import *
else:
    __getattr__, __dir__ = late.attributes("xdl.nn", _PLACES)
