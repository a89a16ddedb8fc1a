"""A training with all that has state: weights, averages, rates, order and dropout."""

import numpy as np

import xdl

X = np.random.default_rng(1).standard_normal((24, 5)).astype(np.float32)
TARGET = np.arange(24) % 3


class Net(xdl.Model):
    """Affine, batch normalisation, dropout or none, affine."""

    def __init__(self, drops):
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
    """A model and all that trains it, made from a seed.

    Args:
        seed: of the weights, of dropout and of the order of the samples.
        is_compiled: whether the step is.
        drops: whether there is dropout; steps without draws are replayed another way.
    """

    def __init__(self, seed, is_compiled=False, drops=True):
        xdl.seed(seed)
        self.model = Net(drops)
        self.optimizer = xdl.optim.Adam(self.model, lr=0.1)
        self.schedule = xdl.optim.CosineAnnealingLR(self.optimizer, 12)
        self.ema = xdl.optim.EMA(self.model, decay=0.5)
        self.rng = np.random.default_rng(seed)
        self._step = self.step
        if is_compiled:
            self._step = xdl.compile(self.step, self.model, self.optimizer, self.ema)

    def things(self):
        """Return all that must be saved, by name."""
        names = ("model", "optimizer", "schedule", "ema", "rng")
        return {name: getattr(self, name) for name in names}

    def step(self, x, target):
        """Train on one batch."""
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        self.ema.update()
        return loss

    def run(self, steps):
        """Train for so many steps; return the losses, which hang on all state."""
        losses = []
        for _ in range(steps):
            chosen = self.rng.permutation(24)[:8]
            losses.append(self._step(X[chosen], TARGET[chosen]).item())
            self.schedule.step()
        return losses

    def bits(self):
        """Return the bytes of all weights and averages."""
        stores = (self.model.parameter, self.optimizer.state, self.ema.average)
        return [v.numpy().tobytes() for store in stores for v in store.values()]
