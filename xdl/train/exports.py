"""Where the names of ``xdl.train`` come from; see ``xdl.late``."""

from xdl.train.callback import Callback as Callback
from xdl.train.loader import Batches as Batches
from xdl.train.loader import batches as batches
from xdl.train.logs import CSVLogger as CSVLogger
from xdl.train.logs import TensorBoard as TensorBoard
from xdl.train.metrics import AUC as AUC
from xdl.train.metrics import F1 as F1
from xdl.train.metrics import MAE as MAE
from xdl.train.metrics import R2 as R2
from xdl.train.metrics import Accuracy as Accuracy
from xdl.train.metrics import ConfusionMatrix as ConfusionMatrix
from xdl.train.metrics import Metric as Metric
from xdl.train.metrics import Scored as Scored
from xdl.train.metrics import TopKAccuracy as TopKAccuracy
from xdl.train.monitor import Checkpoint as Checkpoint
from xdl.train.monitor import EarlyStopping as EarlyStopping
from xdl.train.monitor import LRSchedule as LRSchedule
from xdl.train.parts import ClipGradNorm as ClipGradNorm
from xdl.train.parts import ClipGradValue as ClipGradValue
from xdl.train.parts import GradientAccumulation as GradientAccumulation
from xdl.train.parts import WeightAverage as WeightAverage
from xdl.train.progress import Progress as Progress
from xdl.train.trainer import Trainer as Trainer
