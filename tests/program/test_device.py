"""A step whose state is on a GPU is refused before anything runs."""

import numpy as np
import pytest

import xdl
from tests.backend import fake_cupy


def test_a_step_with_its_state_on_a_gpu_is_refused_and_changes_nothing():
    with fake_cupy.installed():
        model = xdl.LinearModel(3, 2).to("cuda")
        optimizer = xdl.SGD(model)
        before = model.W.numpy()

        def step(x, target):
            model.forward(x)
            model.loss(target)
            model.backward()
            optimizer.update()

        with pytest.raises(xdl.DeviceError, match="the state is on cuda:0, needed the"):
            xdl.compile(step, model, optimizer)(np.ones((1, 3)), np.array([0]))

        np.testing.assert_array_equal(before, model.W.numpy())
