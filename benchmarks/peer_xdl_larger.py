"""More workloads of `benchmarks.peers`, of kinds that others use: xdl's side."""

import xdl
from benchmarks.peer_data import (
    FIELD,
    FIELD_POINTS,
    GRU,
    LONG_GPT,
    RESNET,
    RESNET_BATCH,
    SEPARABLE,
    SIGNALS,
    TABLE,
    TABLE_BATCH,
    WIDE_GPT,
    WORDS,
    arrays,
    starting,
    text,
)
from benchmarks.peer_xdl import Training, _classifier
from xdl import nn


class Scoring(xdl.Model):
    """Layers one after the other, and a softmax loss of their scores."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.loss_ops = xdl.SoftmaxLoss()

    def forward(self, x):
        self.output = self.layers(x)
        return self.output


class Last(xdl.Module):
    """The states of a GRU after the last step of a sequence (n, t, features)."""

    def __init__(self, features, size):
        super().__init__()
        self.gru = nn.GRU(features, size, batch_first=True)

    def forward(self, x):
        return self.gru(x)[0][:, -1]


class Mean(xdl.Module):
    """The mean along some axes."""

    def __init__(self, *axis):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return xdl.mean(x, axis=self.axis)


class Field(xdl.Model):
    """A solution u(x, t) of the heat equation: the residual u_t - u_xx is the loss."""

    def __init__(self, *sizes):
        super().__init__()
        layers = []
        for rows, columns in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(rows, columns), nn.Tanh()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x, t):
        return self.layers(xdl.concat([x, t], axis=1))

    def slope(self, x, t):
        """Return u_x and u_t with graphs of their own."""
        total = xdl.gradient(lambda x, t: xdl.sum(self(x, t)), (0, 1), True)
        return total(x, t)

    def loss(self, x, t):
        u_t = self.slope(x, t)[1]
        bend = xdl.gradient(lambda x: xdl.sum(self.slope(x, t)[0]), 0, True)
        return xdl.mean((u_t - bend(x)) ** 2)


class Solving(Training):
    """The training of a Field."""

    def step(self, x, t):
        loss = self.model.loss(x, t)
        loss.backward()
        self.optimizer.update()
        return loss


def _begun(model):
    for variable in model.parameter.values():
        if variable.ndim > 1:
            variable.value = starting(variable.shape)
    return model


def _trained(model, optimizer, batch):
    return Training(_begun(model), optimizer(model), *batch)


def _sgd(model):
    return xdl.SGD(model, lr=0.01)


def _adamw(model):
    return xdl.optim.AdamW(model, lr=3e-4)


def _resnet(threads):
    batch = arrays(RESNET_BATCH, 3, 32, 32, classes=10)
    return _trained(xdl.models.ResNet(**RESNET), _sgd, batch)


def _gpt(sizes, batch):
    def workload(threads):
        model = _begun(xdl.models.GPT(**sizes))
        tokens = text(batch, sizes["context"], sizes["tokens"])
        given = tokens[:, :-1].copy(), tokens[:, 1:].copy()
        return Training(model, _adamw(model), *given)

    return workload


def _table(threads):
    layers = []
    for rows, columns in zip(TABLE[:-2], TABLE[1:-1], strict=True):
        layers += [nn.Linear(rows, columns), nn.BatchNorm1d(columns), nn.ReLU()]
    model = Scoring(*layers, nn.Linear(*TABLE[-2:]))
    return _trained(model, _adamw, arrays(TABLE_BATCH, TABLE[0], classes=TABLE[-1]))


def _gru(threads):
    model = Scoring(
        Last(GRU["features"], GRU["size"]), nn.Linear(GRU["size"], GRU["classes"])
    )
    shape = GRU["length"], GRU["features"]
    batch = arrays(GRU["batch"], *shape, classes=GRU["classes"])
    return _trained(model, _sgd, batch)


def _field(threads):
    model = _begun(Field(*FIELD))
    points, _ = arrays(FIELD_POINTS, 2, classes=2)
    return Solving(
        model, xdl.optim.Adam(model), points[:, :1].copy(), points[:, 1:].copy()
    )


def _signals(threads):
    channels, classes = SIGNALS["channels"], SIGNALS["classes"]
    model = Scoring(
        nn.Conv1d(channels, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(32, 64, 5, padding=2),
        nn.ReLU(),
        Mean(2),
        nn.Linear(64, classes),
    )
    shape = channels, SIGNALS["length"]
    return _trained(model, _sgd, arrays(SIGNALS["batch"], *shape, classes=classes))


def _separable(threads):
    channels, classes = SEPARABLE["channels"], SEPARABLE["classes"]
    model = Scoring(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        nn.Conv2d(channels, 2 * channels, 1),
        nn.ReLU(),
        nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels),
        nn.Conv2d(2 * channels, 2 * channels, 1),
        nn.ReLU(),
        Mean(2, 3),
        nn.Linear(2 * channels, classes),
    )
    shape = channels, SEPARABLE["size"], SEPARABLE["size"]
    return _trained(model, _sgd, arrays(SEPARABLE["batch"], *shape, classes=classes))


def _words(threads):
    model = Scoring(
        nn.Embedding(WORDS["rows"], WORDS["size"]),
        Mean(1),
        nn.Linear(WORDS["size"], WORDS["classes"]),
    )
    tokens = text(WORDS["batch"], WORDS["length"] - 1, WORDS["rows"])
    labels = arrays(WORDS["batch"], 1, classes=WORDS["classes"])[1]
    return _trained(model, _sgd, (tokens, labels))


WORKLOADS = {
    "ResNet-20 of width 16, 32 images of 32x32": _resnet,
    "GPT 6 layers of 384, 128 tokens, batch 8": _gpt(WIDE_GPT, 8),
    "GPT 4 layers of 128, 512 tokens, batch 4": _gpt(LONG_GPT, 4),
    "tabular MLP 32-256-256-2, batch norm, AdamW, batch 256": _table,
    "GRU 64 wide, 32 steps, batch 32": _gru,
    "PINN 2-64-64-64-1, second derivatives, 512 points": _field,
    "1-D convolutions, 64 signals of 256": _signals,
    "depthwise convolutions, 32 images of 32x32": _separable,
    "embedding of 50,000 rows, batch 64 of 32": _words,
    "wide MLP 1024-2048-2048-10, batch 256": _classifier(256, 1024, 2048, 2048, 10),
}
