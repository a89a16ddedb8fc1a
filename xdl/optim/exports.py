"""Where the names of ``xdl.optim`` come from; see ``xdl.late``."""

from xdl.optim.adagrad import Adadelta as Adadelta
from xdl.optim.adagrad import Adagrad as Adagrad
from xdl.optim.adam import Adam as Adam
from xdl.optim.adam import AdamW as AdamW
from xdl.optim.clip import clip_grad_norm as clip_grad_norm
from xdl.optim.clip import clip_grad_value as clip_grad_value
from xdl.optim.ema import EMA as EMA
from xdl.optim.lamb import LAMB as LAMB
from xdl.optim.lbfgs import LBFGS as LBFGS
from xdl.optim.lion import Lion as Lion
from xdl.optim.muon import Muon as Muon
from xdl.optim.nadam import NAdam as NAdam
from xdl.optim.nadam import RAdam as RAdam
from xdl.optim.one_cycle import OneCycleLR as OneCycleLR
from xdl.optim.optimizer import Optimizer as Optimizer
from xdl.optim.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from xdl.optim.rmsprop import RMSprop as RMSprop
from xdl.optim.scaler import GradScaler as GradScaler
from xdl.optim.schedule import ConstantLR as ConstantLR
from xdl.optim.schedule import CosineAnnealingLR as CosineAnnealingLR
from xdl.optim.schedule import ExponentialLR as ExponentialLR
from xdl.optim.schedule import LinearLR as LinearLR
from xdl.optim.schedule import Schedule as Schedule
from xdl.optim.schedule import SequentialLR as SequentialLR
from xdl.optim.schedule import StepLR as StepLR
from xdl.optim.sgd import SGD as SGD
