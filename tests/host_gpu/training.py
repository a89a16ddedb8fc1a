"""Training steps of five models, small enough for the host GPU."""

import numpy as np

import xdl


def digits():
    """Return the step of examples/digits.py: one sample, SGD."""
    return _classifier(lambda: xdl.LinearModel(64, 10), xdl.optim.SGD, (1, 64), lr=0.01)


def mlp():
    """Return a step of three layers, a batch of 32, SGD with momentum."""
    sizes = [64, 48, 32, 10]
    return _classifier(
        lambda: xdl.models.MLP(sizes), xdl.optim.SGD, (32, 64), lr=0.1, momentum=0.9
    )


def cnn():
    """Return a step of LeNet, a batch of 64, Adam."""
    return _classifier(xdl.models.LeNet, xdl.optim.Adam, (64, 1, 28, 28))


def lstm():
    """Return a step of a language model of one LSTM layer, Adam."""
    return _reader(lambda: xdl.models.LSTMLanguageModel(20, 16), xdl.optim.Adam)


def gpt():
    """Return a step of a GPT of four layers, AdamW."""
    return _reader(
        lambda: xdl.models.GPT(20, 16, 32, heads=2, layers=4), xdl.optim.AdamW
    )


STEPS = {"digits": digits, "MLP": mlp, "CNN b64": cnn, "LSTM": lstm, "GPT": gpt}


def _classifier(make, optimizer, shape, **options):
    rng = np.random.default_rng(0)
    x = rng.random(shape, dtype=np.float32)
    return _step(make, optimizer, x, rng.integers(0, 10, shape[0]), **options)


def _reader(make, optimizer):
    tokens = np.random.default_rng(0).integers(0, 20, (2, 17))
    return _step(make, optimizer, tokens[:, :-1], tokens[:, 1:])


def _step(make, optimizer, x, target, **options):
    """Return a function that trains once, on data that is on the device already."""
    xdl.seed(0)
    model = make()
    optimizer = optimizer(model.parameter, **options)
    where = xdl.backend.usable(str(xdl.device()))
    x, target = (xdl.backend.asarray(array, where) for array in (x, target))

    def step():
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return step
