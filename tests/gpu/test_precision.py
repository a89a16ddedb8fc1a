"""Products of rounded inputs on a GPU: the CPU's numbers, by tensor cores."""

import numpy as np
import pytest

import xdl
from tests.host_gpu.watch import is_there, watching
from tests.program.test_models_compiled import MODELS, Training, _adam
from xdl.backend import rounding
from xdl.backend.cupy import to_numpy

pytestmark = pytest.mark.gpu
