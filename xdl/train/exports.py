"""Where the names of ``xdl.train`` come from; see ``xdl.late``."""

from xdl.train.loader import Batches as Batches
from xdl.train.loader import batches as batches
