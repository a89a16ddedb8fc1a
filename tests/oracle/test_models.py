"""The models beside PyTorch's layers, composed alike, with the same weights."""

import numpy as np

import xdl
from tests.oracle.comparison import torch

nn, F = torch.nn, torch.nn.functional


def _lenet():
    """Return the layers that LeNet names, in the order of its Parameter."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


class _Block(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.shortcut = nn.Identity()
        if stride != 1:
            convolution = nn.Conv2d(channels, width, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.norms[0](self.first(x)).relu()
        return (self.norms[1](self.second(y)) + self.shortcut(x)).relu()


def _resnet():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 1, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        _Block(4, 4, 1),
        _Block(4, 4, 1),
        _Block(4, 8, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


class _Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.lstm = nn.LSTM(6, 6, 2, batch_first=True)
        for name, bias in self.lstm.named_parameters():
            if name.startswith("bias_hh"):  # ours has one bias, not two
                bias.data.zero_()
                bias.requires_grad_(False)
        self.head = nn.Linear(6, 7)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0])


class _Classifier(nn.Module):
    def __init__(self, lengths):
        super().__init__()
        self.gru = nn.GRU(3, 4, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(8, 5)
        self.lengths = lengths

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(self.lengths), batch_first=True, enforce_sorted=False
        )
        _, h = self.gru(packed)
        return self.head(torch.cat([h[-2], h[-1]], dim=1))


def _turned(array):
    """Swap the axes of a matrix: PyTorch's is (out, in)."""
    return array.T if array.ndim == 2 else array


def _copy_weights(ours, theirs, tables=()):
    """Give the weights of ours to PyTorch's; return the pairs of them.

    Both name their layers in the same order.
    """
    trained = [p for p in theirs.parameters() if p.requires_grad]
    mine = [(n, v) for n, v in ours.parameter.items() if v.trainable]
    pairs = []
    for (name, variable), parameter in zip(mine, trained, strict=True):
        turned = (lambda a: a) if name in tables else _turned
        parameter.data.copy_(torch.tensor(turned(variable.numpy())))
        pairs.append((name, variable, parameter, turned))
    return pairs


def _compare(ours, theirs, x, target, tables=(), **options):
    """Assert that scores, loss and gradients are equal from the same weights."""
    pairs = _copy_weights(ours, theirs, tables)

    scores = ours.forward(x, **options)
    loss = ours.loss(target)
    ours.backward()

    torch_scores = theirs(torch.tensor(x))
    torch_loss = F.cross_entropy(
        torch_scores.flatten(0, -2), torch.tensor(target).flatten()
    )
    torch_loss.backward()
    close = {"rtol": 1e-3, "atol": 2e-5}
    np.testing.assert_allclose(scores.numpy(), torch_scores.detach(), **close)
    np.testing.assert_allclose(loss.item(), torch_loss.item(), rtol=1e-5)
    for name, variable, parameter, turned in pairs:
        np.testing.assert_allclose(
            turned(variable.grad), parameter.grad, **close, err_msg=name
        )


def test_lenet_computes_what_torch_layers_compute(rng):
    x = rng.standard_normal((5, 1, 28, 28)).astype("f4")

    _compare(xdl.models.LeNet(), _lenet(), x, rng.integers(0, 10, 5))


def test_resnet_computes_what_torch_layers_compute(rng):
    ours, theirs = xdl.models.ResNet(3, 5, width=4, blocks=(2, 1)), _resnet()
    x = rng.standard_normal((6, 3, 9, 9)).astype("f4")

    _compare(ours, theirs, x, rng.integers(0, 5, 6))

    expected = theirs.eval()(torch.tensor(x)).detach()
    actual = ours.eval().forward(x).numpy()
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)


def test_lstm_language_model_computes_what_torch_layers_compute(rng):
    ours = xdl.models.LSTMLanguageModel(7, 6, layers=2)
    tokens = rng.integers(0, 7, (4, 9))

    _compare(ours, _Text(), tokens[:, :-1], tokens[:, 1:], {"embedding/weight"})


def test_rnn_classifier_computes_what_torch_layers_compute(rng):
    options = {"layer": xdl.nn.GRU, "layers": 2, "bidirectional": True}
    ours = xdl.models.RNNClassifier(3, 4, classes=5, **options)
    x, lengths = rng.standard_normal((4, 6, 3)).astype("f4"), [6, 1, 4, 2]

    _compare(ours, _Classifier(lengths), x, rng.integers(0, 5, 4), lengths=lengths)
