"""Every case of every operation, compiled for a GPU: the numbers of the CPU."""

import numpy as np
import pytest

import xdl
from tests.support.operations import with_cases
from tests.support.trained import all_trained
from xdl.core.case import Case

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("op_class", [c for c in with_cases() if c.gradient])
def test_every_operation_has_the_numbers_and_gradients_of_the_cpu(op_class):
    pairs = [(op_class, case) for case in op_class.cases if type(case) is Case]
    with xdl.use_device("cpu"):
        expected, _ = all_trained(pairs, "float32")

    with xdl.use_device("cuda"):
        actual, _ = all_trained(pairs, "float32", "cuda")

    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
