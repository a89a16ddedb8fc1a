"""PyTorch's side of `benchmarks.peers`: a workload returns a function of a step."""

import torch

from benchmarks.peer_data import samples, weights

VERSION = torch.__version__


def _layers(sizes):
    layers = []
    for rows, columns in zip(sizes, sizes[1:], strict=False):
        layer = torch.nn.Linear(rows, columns)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights(rows, columns).T.copy()))
            layer.bias.zero_()
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _classifier(batch, *sizes):
    def workload(threads):
        torch.set_num_threads(threads)
        model = _layers(sizes)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        x, target = map(torch.from_numpy, samples(batch, sizes[0], sizes[-1]))
        loss_function = torch.nn.CrossEntropyLoss()

        def step():
            optimizer.zero_grad()
            loss = loss_function(model(x), target)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return workload


WORKLOADS = {
    "linear 64-10, batch 1": _classifier(1, 64, 10),
    "linear 64-10, batch 32": _classifier(32, 64, 10),
    "MLP 784-512-512-10, batch 128": _classifier(128, 784, 512, 512, 10),
}
