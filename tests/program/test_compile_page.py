"""docs/compile.md shows the program that is really made."""

import pathlib

import numpy as np

import xdl

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "compile.md"


def test_the_page_shows_the_digits_step_as_it_prints():
    model = xdl.LinearModel(64, 10)
    optimizer = xdl.SGD(model, lr=0.01)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast_step = xdl.compile(step, model, optimizer)
    x, target = np.ones((1, 64), np.float32), np.array([3])
    for _ in range(3):
        fast_step(x, target)

    shown = PAGE.read_text().partition("```text\ndef step(x, target, lr")[2]
    shown = "def step(x, target, lr" + shown.partition("\n```")[0]
    assert shown.splitlines() == str(fast_step.program).splitlines()
