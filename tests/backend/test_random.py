"""One seed, one model."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError
from xdl.backend import random


@pytest.mark.parametrize("number", [0, 1, 2**64, np.int64(3)])
def test_the_same_seed_gives_the_same_weights(number):
    def draw():
        xdl.seed(number)
        return xdl.nn.Linear(3, 2).weight.numpy().tolist()

    assert draw() == draw()


def test_another_seed_gives_other_weights():
    xdl.seed(0)
    first = xdl.init.normal((3,))

    xdl.seed(1)

    assert first.tolist() != xdl.init.normal((3,)).tolist()


def test_draws_go_on_from_one_to_the_next():
    xdl.seed(0)

    assert xdl.init.normal((3,)).tolist() != xdl.init.normal((3,)).tolist()


def test_weights_are_the_same_in_every_dtype_but_for_rounding():
    def draw(dtype):
        xdl.seed(0)
        return xdl.Parameter().get_variable("w", [4, 4], dtype=dtype).numpy()

    assert draw("float64").astype(np.float32).tolist() == draw("float32").tolist()


@pytest.mark.parametrize("number", [-1, 1.0, "0", None, True, np.float32(1)])
def test_a_seed_that_is_no_non_negative_int_is_refused(number):
    with pytest.raises(ArgumentError, match="seed: .* came, needed a non-negative int"):
        xdl.seed(number)


def test_without_a_seed_a_generator_starts_from_entropy():
    random._generator.set(None)
    first = random.generator()
    random._generator.set(None)

    second = random.generator()

    assert first.random() != second.random()
    assert second is random.generator()
