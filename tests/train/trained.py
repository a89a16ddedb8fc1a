"""A training with all that has state: Adam, dropout, shuffling, batch normalisation."""

import numpy as np

import xdl
from xdl.train import Callback, Trainer, batches

X = np.random.default_rng(1).standard_normal((22, 5)).astype(np.float32)
Y = np.arange(22) % 3


class Net(xdl.Model):
    """Affine, batch normalisation, dropout, affine."""

    def __init__(self, drops=True):
        super().__init__()
        self.layers = xdl.nn.Sequential(
            xdl.nn.Linear(5, 8),
            xdl.nn.BatchNorm1d(8),
            xdl.nn.Dropout(0.5) if drops else xdl.nn.ReLU(),
            xdl.nn.Linear(8, 3),
        )
        self.loss_ops = xdl.SoftmaxLoss()

    def forward(self, x):
        self.output = self.layers(x)
        return self.output


class Training:
    """A trainer and its batches, 3 an epoch, the last one odd, made from a seed.

    Args:
        executor: as of a Trainer.
        seed: of the weights, of dropout and of the order of the samples.
        callbacks: a function of the optimizer and the model that returns a list.
        drops: whether there is dropout; steps without draws are replayed another way.
    """

    def __init__(self, executor, seed=0, callbacks=None, drops=True):
        xdl.seed(seed)
        self.model = Net(drops)
        self.optimizer = xdl.optim.Adam(self.model, lr=0.1)
        made = callbacks(self.optimizer, self.model) if callbacks else []
        self.trainer = Trainer(
            self.model, self.optimizer, executor=executor, callbacks=made
        )
        self.data = batches(X, Y, 8, shuffle=True)

    def fit(self, epochs):
        """Train until so many epochs are done; return the bits of it."""
        self.trainer.fit(self.data, batches(X, Y, 8), epochs)
        return self.bits()

    def bits(self):
        """Return what hangs on all state: what was measured, weights and moments."""
        stores = (self.model.parameter, self.optimizer.state)
        arrays = [v.numpy().tobytes() for store in stores for v in store.values()]
        return [self.trainer.history, self.optimizer.lr, *arrays]


def fitted(executor, epochs=3, **options):
    """Return the bits of a training without a break."""
    return Training(executor, **options).fit(epochs)


class At(Callback):
    """Calls a function with the trainer after a step of a certain number."""

    def __init__(self, step, function):
        self.step, self.function = step, function

    def on_step_end(self, trainer):
        if trainer.steps == self.step:
            self.function(trainer)
