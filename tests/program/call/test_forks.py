"""Compiled steps in the child of a fork, whose parent has other threads."""

import os
import signal
import threading

import numpy as np
import pytest

import xdl
from tests.support.compared import all_of, batch, differing
from tests.support.executors import every_executor
from xdl import models, optim

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs forks"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def _in_child(function):
    """Return the text that a function gives in the child of a fork."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a child that hangs is ended
        try:
            said = str(function())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    return said if os.waitpid(child, 0)[1] == 0 else "it hung"


class Held:
    """A step that can be stopped in the middle, in a thread of its own."""

    def __init__(self, model, optimizer, executor="numpy"):
        self.may_go_on, self.is_inside = threading.Event(), threading.Event()
        self.waits = False

        def step(x, target):
            model.forward(x)
            loss = model.loss(target)
            model.backward()
            if self.waits:
                self.is_inside.set()
                self.may_go_on.wait(30)
            optimizer.update()
            return loss

        self.call = xdl.compile(step, model, optimizer, executor=executor)

    def __enter__(self):
        self.waits = True
        self._thread = threading.Thread(target=lambda: self.call(*batch()))
        self._thread.start()
        self.is_inside.wait(30)
        self.waits = False
        return self

    def __exit__(self, *raised):
        self.may_go_on.set()
        self._thread.join()


@every_executor
def test_a_child_goes_on_with_a_step_that_nobody_was_in(
    executor, model, optimizer, step
):
    fast = xdl.compile(step, model, optimizer, executor=executor)
    for i in range(3):
        fast(*batch(i))

    said = _in_child(lambda: fast(*batch(3)).item())

    assert str(fast(*batch(3)).item()) == said


def test_a_child_of_a_recording_has_the_state_from_before_it(model, optimizer):
    before = all_of(model, optimizer)[:-1]

    with Held(model, optimizer) as held:
        said = _in_child(lambda: differing(before, all_of(model, optimizer)[:-1]))
        loss = _in_child(lambda: held.call(*batch()).shape)

    assert ("[]", "()") == (said, loss)


USES = {
    "the step": lambda held, model, optimizer, predict: held.call(*batch()),
    "many": lambda held, model, optimizer, predict: held.call.over(
        *(np.stack([array] * 2) for array in batch())
    ),
    "another step": lambda held, model, optimizer, predict: predict(batch()[0]),
    "a new step": lambda held, model, optimizer, predict: xdl.compile(
        model.forward, model
    )(batch()[0]),
    "forward": lambda held, model, optimizer, predict: model.forward(batch()[0]),
    "numpy": lambda held, model, optimizer, predict: model.layers[0].weight.numpy(),
    "value": lambda held, model, optimizer, predict: model.layers[0].weight.value + 1,
    "shape": lambda held, model, optimizer, predict: model.layers[0].weight.shape,
    "weights": lambda held, model, optimizer, predict: model.parameter.state_dict(),
    "an update": lambda held, model, optimizer, predict: optimizer.update(),
    "the optimizer": lambda held, model, optimizer, predict: optimizer.state_dict(),
}


@pytest.mark.parametrize("name", USES)
def test_a_state_that_was_being_changed_at_a_fork_is_refused_in_the_child(
    name, model, optimizer
):
    held = Held(model, optimizer)
    predict = xdl.compile(lambda x: model.forward(x), model)
    predict(batch()[0])
    held.call(*batch())

    with held:  # in the eager run that the first replay is compared with
        said = _in_child(lambda: USES[name](held, model, optimizer, predict))

    assert said.startswith("GraphError: compile: ")
    assert "was being changed by a compiled step in another thread when" in said


def test_the_parent_of_a_fork_goes_on(model, optimizer):
    held = Held(model, optimizer)
    held.call(*batch())

    with held:
        _in_child(lambda: None)

    assert held.call(*batch()).shape == ()


def test_a_child_may_use_what_a_lost_step_only_reads(model, optimizer):
    held, frozen = Held(model, optimizer), models.MLP([4, 3])
    other = optim.SGD(frozen)
    held.call = xdl.compile(held.call.function, model, optimizer, frozen, other)
    held.call(*batch())

    with held:
        said = _in_child(lambda: frozen.forward(batch()[0]).shape)

    assert str((batch()[0].shape[0], 3)) == said


def test_a_fork_waits_for_an_import_in_another_thread():
    is_inside, order = threading.Event(), []

    def imports():
        with xdl.forks.importing():
            is_inside.set()
            threading.Event().wait(0.1)
            order.append("imported")

    thread = threading.Thread(target=imports)
    thread.start()
    is_inside.wait(10)

    said = _in_child(lambda: order)

    thread.join()
    assert "['imported']" == said
