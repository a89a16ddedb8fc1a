"""Parts that are put into zeros: those that nothing leaves are never written."""

import re

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing


class Parts:
    """A weight, and a step that returns the gradient of some of its rows."""

    def __init__(self, *rows):
        self.rows = rows
        self.weight = xdl.Variable(np.zeros((4, 3)), name="weight")

    def step(self, x):
        """Return the gradient of a sum in which each part is used in its own way."""
        parts = [xdl.sum(self.weight[part] * x[part] * i) for i, part in self.numbered]
        sum(parts).backward()
        gradient = self.weight.grad
        self.weight.clear_grad()
        return gradient

    @property
    def numbered(self):
        """Return the parts with numbers from 1 on."""
        return enumerate(self.rows, start=1)


def source_of(compiled):
    """Return the text that the last call of a compiled step ran."""
    return next(iter(compiled._replays.values())).executor.source


@pytest.mark.parametrize(
    ("rows", "fills", "adds"),
    [
        ((slice(0, 2), slice(2, 4)), 0, 0),
        ((slice(0, 1), 1, slice(2, 4)), 0, 0),
        ((slice(0, 2), slice(2, 3)), 1, 0),
        ((slice(0, 3), slice(2, 4)), 2, 1),
    ],
)
def test_parts_of_a_gradient_are_put_into_one_array(rows, fills, adds):
    eager, fast = Parts(*rows), Parts(*rows)
    compiled = xdl.compile(fast.step, fast.weight, executor="numpy")
    xs = np.random.default_rng(0).random((3, 4, 3))

    actual = [arrays_of(compiled(x)) for x in xs][-1]

    assert [] == differing(arrays_of(eager.step(xdl.Variable(xs[-1]))), actual)
    assert fills == source_of(compiled).count(".fill(")
    assert adds == len(re.findall(r"add\((t\d+), t\d+, \1\)", source_of(compiled)))


class Windows(Parts):
    """A weight, and the gradient of overlapping windows on it."""

    def step(self, x):
        """Return the gradient of means of windows."""
        image = xdl.reshape(self.weight, (1, 1, 4, 3))
        means = xdl.avg_pool2d(image, 2, stride=1)
        xdl.sum(means * xdl.reshape(x[:3, :2], (1, 1, 3, 2))).backward()
        gradient = self.weight.grad
        self.weight.clear_grad()
        return gradient


def test_what_is_added_to_a_part_is_added_in_place():
    eager, fast = Windows(), Windows()
    compiled = xdl.compile(fast.step, fast.weight, executor="numpy")
    xs = np.random.default_rng(0).random((3, 4, 3))

    actual = [arrays_of(compiled(x)) for x in xs][-1]

    assert [] == differing(arrays_of(eager.step(xdl.Variable(xs[-1]))), actual)
    in_place = r"add\((t\d+_at\w*), t\d+, \1\)"
    assert 3 == len(re.findall(in_place, source_of(compiled)))
