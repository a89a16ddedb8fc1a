"""Train, and be interrupted by real signals: prints how many ended between steps.

Run as ``python -m tests.attack.interrupted <executor> <kind> <count> <seed>``.
"""

import os
import pathlib
import random as pythons
import signal
import sys
import tempfile
import threading
import time

import numpy as np

import xdl


class Training:
    """A training whose every step is known, by the bits of all that it changes."""

    def __init__(self, executor, kind):
        xdl.seed(0)
        if kind == "linear":
            self.model = xdl.LinearModel(6, 3)
            self.optimizer = xdl.SGD(self.model, lr=0.01, momentum=0.9)
        else:
            self.model = xdl.models.MLP([6, 64, 64, 3])
            self.optimizer = xdl.optim.Adam(self.model)
        self.x = np.ones((4, 6), np.float32)
        self.target = np.array([0, 1, 2, 0])
        self.call = self.step
        if executor != "eager":
            given = self.step, self.model, self.optimizer
            self.call = xdl.compile(*given, executor=executor)

    def step(self, x, target):
        """Learn from a batch."""
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def do(self):
        """Do one step."""
        self.call(self.x, self.target)

    def bits(self):
        """Return the bits of weights and optimizer."""
        held = [*self.model.parameter.values(), *self.optimizer.state.values()]
        return b"".join(v.numpy().tobytes() for v in held)


class Interrupts:
    """A thread that sends SIGINT once after each ``expect``, at a random moment."""

    def __init__(self, seed):
        self._random, self._wanted = pythons.Random(seed), threading.Semaphore(0)
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self):
        while True:
            self._wanted.acquire()
            time.sleep(self._random.uniform(0.0, 0.004))
            os.kill(os.getpid(), signal.SIGINT)

    def count(self, most, do):
        """Call ``do`` until it is interrupted; yield after each interrupt."""
        for _ in range(most):
            try:
                self._wanted.release()
                while True:
                    do()
            except KeyboardInterrupt:
                pass
            yield


def interrupted_steps(executor, kind, count, seed):
    """Return (interrupts, how many of them left a state of no step)."""
    training, twin = Training(executor, kind), Training(executor, kind)
    for one in (training, twin):
        for _ in range(5):
            one.do()
    done = torn = 0
    for _ in Interrupts(seed).count(count, training.do):
        done += 1
        bits = training.bits()
        training.optimizer.zero_grad()
        for _ in range(3000):  # a twin that nobody interrupts comes by each step
            if twin.bits() == bits:
                break
            twin.do()
        else:
            torn += 1
            twin = Training(executor, kind)
            _copy(training, twin)
    return done, torn


def _copy(training, twin):
    twin.model.parameter.load_state_dict(training.model.parameter.state_dict())
    twin.optimizer.load_state_dict(training.optimizer.state_dict())


def interrupted_files(what, count, seed):
    """Return (interrupts, how many left a mixture, temporaries that were left)."""
    training = Training("eager", "MLP")
    things = {"model": training.model, "optimizer": training.optimizer}
    done = torn = i = 0
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / f"{i}.xdl" for i in range(2)]
        states = []
        for path in paths:
            xdl.save(path, **things)
            states.append(training.bits())
            training.do()

        def do():
            nonlocal i
            i += 1
            xdl.load(paths[i % 2], **things)
            if what == "save":
                xdl.save(paths[i % 2], **things)

        xdl.load(paths[0], **things)
        for _ in Interrupts(seed).count(count, do):
            done += 1
            torn += training.bits() not in states
        left = len(list(pathlib.Path(folder).iterdir())) - len(paths)
    return done, torn, left


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    how, kind, count, seed = *sys.argv[1:3], *map(int, sys.argv[3:5])
    if how in ("save", "load"):
        print(*interrupted_files(how, count, seed))
    else:
        print(*interrupted_steps(how, kind, count, seed))
