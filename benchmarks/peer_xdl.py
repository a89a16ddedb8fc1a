"""xdl's side of `benchmarks.peers`: a workload returns a Training."""

import xdl
from benchmarks.peer_data import (
    CNN_BATCH,
    GPT,
    GPT_BATCH,
    LSTM,
    images,
    samples,
    starting,
    text,
    weights,
)

VERSION = xdl.__version__


class Training:
    """A model, its optimizer and one batch."""

    def __init__(self, model, optimizer, x, target):
        self.model, self.optimizer, self.batch = model, optimizer, (x, target)

    def step(self, x, target):
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def stepping(self, executor):
        """Return a function of a step: eager for an empty name, else compiled."""
        step, where = self.step, xdl.backend.device()
        if where != "cpu":
            self.batch = [xdl.backend.asarray(x, where) for x in self.batch]
        if executor:
            step = xdl.compile(step, self.model, self.optimizer, executor=executor)
        return lambda: step(*self.batch)


class Layers(xdl.Model):
    """Affine layers with ReLU between them."""

    def __init__(self, *sizes):
        super().__init__()
        self.layers = [
            xdl.nn.Linear(rows, columns, initializer=lambda shape: weights(*shape))
            for rows, columns in zip(sizes, sizes[1:], strict=False)
        ]
        self.loss_ops = xdl.SoftmaxLoss()

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = xdl.relu(layer(x))
        self.output = self.layers[-1](x)
        return self.output


def _classifier(batch, *sizes):
    def workload(threads):  # NumPy's threads are set by the environment
        model = Layers(*sizes)
        optimizer = xdl.SGD(model.parameter, lr=0.01)
        return Training(model, optimizer, *samples(batch, sizes[0], sizes[-1]))

    return workload


class Convolutional(xdl.Model):
    """Two convolutions with pooling, and two affine layers."""

    def __init__(self):
        super().__init__()
        self.features = xdl.nn.Sequential(
            xdl.nn.Conv2d(1, 32, 3, padding=1),
            xdl.nn.ReLU(),
            xdl.nn.MaxPool2d(2),
            xdl.nn.Conv2d(32, 64, 3, padding=1),
            xdl.nn.ReLU(),
            xdl.nn.MaxPool2d(2),
            xdl.nn.Flatten(),
            xdl.nn.Linear(64 * 7 * 7, 128),
            xdl.nn.ReLU(),
            xdl.nn.Linear(128, 10),
        )
        self.loss_ops = xdl.SoftmaxLoss()

    def forward(self, x):
        self.output = self.features(x)
        return self.output


def _cnn(threads):
    model = Convolutional()
    for variable in model.parameter.values():
        variable.value = starting(variable.shape)
    optimizer = xdl.SGD(model, lr=0.01)
    return Training(model, optimizer, *images(CNN_BATCH))


class Language(xdl.Model):
    """An embedding, an LSTM, and the scores of the next token at each step."""

    def __init__(self, tokens, size):
        super().__init__()
        self.embedding = xdl.nn.Embedding(tokens, size)
        self.lstm = xdl.nn.LSTM(size, size)
        self.scores = xdl.nn.Linear(size, tokens)
        self.loss_ops = xdl.SoftmaxLoss()

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens))
        self.output = self.scores(states)
        return self.output


def _lstm(threads):
    model = Language(LSTM["tokens"], LSTM["size"])
    for variable in model.parameter.values():
        variable.value = starting(variable.shape)
    optimizer = xdl.SGD(model, lr=0.1)
    drawn = text(LSTM["batch"], LSTM["length"], LSTM["tokens"]).T.copy()
    return Training(model, optimizer, drawn[:-1].copy(), drawn[1:].copy())


def _gpt(threads):
    xdl.seed(0)
    model = xdl.models.GPT(**GPT)
    optimizer = xdl.optim.AdamW(model, lr=3e-4)
    tokens = text(GPT_BATCH, GPT["context"], GPT["tokens"])
    return Training(model, optimizer, tokens[:, :-1].copy(), tokens[:, 1:].copy())


WORKLOADS = {
    "linear 64-10, batch 1": _classifier(1, 64, 10),
    "linear 64-10, batch 32": _classifier(32, 64, 10),
    "MLP 784-512-512-10, batch 128": _classifier(128, 784, 512, 512, 10),
    "CNN 32-64-128, 64 images of 28x28": _cnn,
    "LSTM 256 wide, 64 steps, batch 32": _lstm,
    "GPT 4 layers of 128, 64 tokens, batch 8": _gpt,
}
