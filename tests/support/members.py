"""What the tests of members start from: a perceptron that learns, compiled."""

import xdl
from tests.support.compared import all_of
from xdl import models, optim

COUNT, STEPS, ROWS, SAMPLES, COLUMNS, CLASSES = 5, 7, 4, 30, 4, 3


class Training:
    """A perceptron that learns, compiled.

    Args:
        executor: of ``xdl.compile``.
        seed: of the weights.
        dropout: the model's.
    """

    def __init__(self, executor, seed=0, dropout=0.0, **options):
        xdl.seed(seed)
        self.model = models.MLP([COLUMNS, 6, CLASSES], dropout=dropout)
        self.optimizer = optim.SGD(self.model, lr=0.1, momentum=0.9, **options)
        self.step = xdl.compile(
            self.train, self.model, self.optimizer, executor=executor
        )

    def train(self, x, target):
        """Learn from one batch; return the loss."""
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def begin(self, i):
        """Be the model of a number."""
        other = Training("numpy", i)
        self.model.load_state_dict(other.model.state_dict())
        self.optimizer.lr = 0.1 * (i + 1)
        self.optimizer.momentum = 0.9 - 0.3 * i if i < 3 else 0.0
        xdl.seed(i)

    def members(self, n=COUNT, threads=None):
        """Return members, each of another number."""
        many = self.step.members(n, threads)
        for i in range(n):
            with many.member(i):
                self.begin(i)
        return many

    def all(self):
        """Return all arrays."""
        return all_of(self.model, self.optimizer)[:-1]


def alone(executor, i, rows, data, dropout=0.0):
    """Return the losses of the single step, and all arrays after it."""
    training = Training(executor, dropout=dropout)
    training.begin(i)
    losses = [training.step(*[array[k] for array in data]).item() for k in rows]
    return [*losses, *training.all()]


def of_member(training, many, i, returned=None):
    """Return the losses that came of a member, and all arrays of it."""
    with many.member(i):
        return [
            *([] if returned is None else returned.numpy().tolist()),
            *training.all(),
        ]
