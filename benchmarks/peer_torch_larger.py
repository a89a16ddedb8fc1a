"""More workloads of `benchmarks.peers`, of kinds that others use: PyTorch's side."""

import torch
from torch import nn

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
from benchmarks.peer_torch import _GPT, _classifier


class _Mean(nn.Module):
    def __init__(self, *axis):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return x.mean(self.axis)


class _Last(nn.Module):
    def __init__(self, features, size):
        super().__init__()
        self.gru = nn.GRU(features, size, batch_first=True)

    def forward(self, x):
        return self.gru(x)[0][:, -1]


def _convolution(channels, width, window, stride=1):
    return nn.Conv2d(channels, width, window, stride, window // 2, bias=False)


class _Block(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.inner = nn.Sequential(
            _convolution(channels, width, 3, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _convolution(width, width, 3),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                _convolution(channels, width, 1, stride), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.inner(x))


def _resnet_layers(width, blocks):
    layers = [_convolution(3, width, 3), nn.BatchNorm2d(width), nn.ReLU()]
    came = width
    for stage, count in enumerate(blocks):
        for i in range(count):
            layers.append(_Block(came, width * 2**stage, 2 if stage and not i else 1))
            came = width * 2**stage
    return *layers, _Mean(2, 3), nn.Linear(came, 10)


@torch.no_grad()
def _begun(model):
    """Give a model the weights that xdl's begins with."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.GRU):
            for weight in module.parameters(recurse=False):
                if weight.ndim > 1:
                    first = starting(weight.shape[::-1]).T.copy()
                    weight.copy_(torch.from_numpy(first))
                else:
                    weight.zero_()
        elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.Embedding):
            weight = module.weight
            weight.copy_(torch.from_numpy(starting(tuple(weight.shape)).copy()))
            if getattr(module, "bias", None) is not None:
                module.bias.zero_()
    return model


def _sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.01)


def _adamw(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-4)


def _trained(layers, make_optimizer, batch):
    """Return the step of layers whose scores are compared with labels."""
    model = _begun(nn.Sequential(*layers))
    optimizer = make_optimizer(model)
    x, target = map(torch.from_numpy, batch)
    loss_function = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _on(make):
    def workload(threads):
        torch.set_num_threads(threads)
        return make()

    return workload


def _resnet():
    batch = arrays(RESNET_BATCH, 3, 32, 32, classes=10)
    return _trained(_resnet_layers(**RESNET), _sgd, batch)


def _gpt(sizes, batch):
    def make():
        model = _begun(_GPT(**sizes))
        optimizer = _adamw(model)
        tokens = torch.from_numpy(text(batch, sizes["context"], sizes["tokens"]))
        loss_function = nn.CrossEntropyLoss()

        def step():
            optimizer.zero_grad()
            scores = model(tokens[:, :-1]).flatten(0, 1)
            loss = loss_function(scores, tokens[:, 1:].flatten())
            loss.backward()
            optimizer.step()
            return loss

        return step

    return make


def _table():
    layers = []
    for rows, columns in zip(TABLE[:-2], TABLE[1:-1], strict=True):
        layers += [nn.Linear(rows, columns), nn.BatchNorm1d(columns), nn.ReLU()]
    layers.append(nn.Linear(*TABLE[-2:]))
    return _trained(layers, _adamw, arrays(TABLE_BATCH, TABLE[0], classes=TABLE[-1]))


def _gru():
    layers = _Last(GRU["features"], GRU["size"]), nn.Linear(GRU["size"], GRU["classes"])
    shape = GRU["length"], GRU["features"]
    return _trained(layers, _sgd, arrays(GRU["batch"], *shape, classes=GRU["classes"]))


def _field():
    layers = []
    for rows, columns in zip(FIELD, FIELD[1:], strict=False):
        layers += [nn.Linear(rows, columns), nn.Tanh()]
    model = _begun(nn.Sequential(*layers[:-1]))
    optimizer = torch.optim.Adam(model.parameters())
    points, _ = arrays(FIELD_POINTS, 2, classes=2)
    x, t = (torch.from_numpy(points[:, i : i + 1].copy()) for i in (0, 1))
    x.requires_grad_(), t.requires_grad_()

    def step():
        optimizer.zero_grad()
        u = model(torch.cat([x, t], 1)).sum()
        u_x, u_t = torch.autograd.grad(u, (x, t), create_graph=True)
        (u_xx,) = torch.autograd.grad(u_x.sum(), x, create_graph=True)
        loss = ((u_t - u_xx) ** 2).mean()
        loss.backward(inputs=list(model.parameters()))
        optimizer.step()
        return loss

    return step


def _signals():
    channels, classes = SIGNALS["channels"], SIGNALS["classes"]
    layers = (
        nn.Conv1d(channels, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(32, 64, 5, padding=2),
        nn.ReLU(),
        _Mean(2),
        nn.Linear(64, classes),
    )
    batch = arrays(SIGNALS["batch"], channels, SIGNALS["length"], classes=classes)
    return _trained(layers, _sgd, batch)


def _separable():
    channels, classes = SEPARABLE["channels"], SEPARABLE["classes"]
    layers = (
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        nn.Conv2d(channels, 2 * channels, 1),
        nn.ReLU(),
        nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels),
        nn.Conv2d(2 * channels, 2 * channels, 1),
        nn.ReLU(),
        _Mean(2, 3),
        nn.Linear(2 * channels, classes),
    )
    shape = channels, SEPARABLE["size"], SEPARABLE["size"]
    return _trained(layers, _sgd, arrays(SEPARABLE["batch"], *shape, classes=classes))


def _words():
    layers = (
        nn.Embedding(WORDS["rows"], WORDS["size"]),
        _Mean(1),
        nn.Linear(WORDS["size"], WORDS["classes"]),
    )
    tokens = text(WORDS["batch"], WORDS["length"] - 1, WORDS["rows"])
    labels = arrays(WORDS["batch"], 1, classes=WORDS["classes"])[1]
    return _trained(layers, _sgd, (tokens, labels))


WORKLOADS = {
    "ResNet-20 of width 16, 32 images of 32x32": _on(_resnet),
    "GPT 6 layers of 384, 128 tokens, batch 8": _on(_gpt(WIDE_GPT, 8)),
    "GPT 4 layers of 128, 512 tokens, batch 4": _on(_gpt(LONG_GPT, 4)),
    "tabular MLP 32-256-256-2, batch norm, AdamW, batch 256": _on(_table),
    "GRU 64 wide, 32 steps, batch 32": _on(_gru),
    "PINN 2-64-64-64-1, second derivatives, 512 points": _on(_field),
    "1-D convolutions, 64 signals of 256": _on(_signals),
    "depthwise convolutions, 32 images of 32x32": _on(_separable),
    "embedding of 50,000 rows, batch 64 of 32": _on(_words),
    "wide MLP 1024-2048-2048-10, batch 256": _classifier(256, 1024, 2048, 2048, 10),
}
