"""Fork while other threads train, predict and compile; say what came of the children.

``python -m tests.attack.forked EXECUTOR COUNT`` prints a JSON dict from outcome to how
often it came: "ok", "refused", "hung", or the text of another error.
"""

import collections
import json
import os
import signal
import sys
import threading
import time

import numpy as np

import xdl
from xdl import models, optim

RNG = np.random.default_rng(0)
X, TARGET = RNG.standard_normal((6, 16)).astype("f4"), RNG.integers(0, 4, 6)


def training(hidden, executor):
    """Return a model and its compiled training step."""
    model = models.MLP([16, hidden, 4])
    optimizer = optim.Adam(model, lr=0.01)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return model, xdl.compile(step, model, optimizer, executor=executor)


def tried(use):
    try:
        use()
    except xdl.GraphError as error:
        return "refused" if "was forked" in str(error) else str(error)
    except Exception as error:
        return repr(error)
    return "ok"


def children(uses):
    """Try uses in the child of a fork, each; return what came of them."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        os.write(writer, json.dumps([tried(use) for use in uses]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    return json.loads(said) if os.waitpid(child, 0)[1] == 0 else ["hung"]


class Working:
    """Threads that train, predict and compile for as long as it is entered."""

    def __init__(self, executor):
        self.executor = executor
        self.model, self.train = training(8, executor)
        self.predict = xdl.compile(models.MLP([16, 8, 4]), executor=executor)
        self._is_over = threading.Event()

    def _trains(self):
        while not self._is_over.is_set():
            self.train(X, TARGET)

    def _predicts(self):
        while not self._is_over.is_set():
            self.predict(X)

    def _compiles(self):
        for hidden in range(9, 12):  # a fork waits for what is compiled
            if not self._is_over.wait(0.05):
                training(hidden, self.executor)[1](X, TARGET)

    def __enter__(self):
        works = (self._trains, self._predicts, self._compiles)
        self._threads = [threading.Thread(target=work) for work in works]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised):
        self._is_over.set()
        for thread in self._threads:
            thread.join()


def main(executor, count):
    found = collections.defaultdict(collections.Counter)
    with Working(executor) as working:
        uses = {
            "trained": lambda: working.train(X, TARGET),
            "weights": lambda: working.model.parameter.state_dict(),
            "only read": lambda: [working.predict(X) for _ in range(3)],
            "new": lambda: training(7, executor)[1](X, TARGET),
        }
        for i in range(count):
            time.sleep(0.003 * (i % 10))
            came = children(uses.values())
            for name, said in zip(uses, came * (4 // len(came)), strict=True):
                found[name][said] += 1
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
