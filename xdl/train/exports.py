"""Where the names of ``xdl.train`` come from; see ``xdl.late``."""

from xdl.train.callback import Callback as Callback
from xdl.train.loader import Batches as Batches
from xdl.train.loader import batches as batches
from xdl.train.trainer import Trainer as Trainer
