"""PyTorch's side of `benchmarks.peers`: a workload returns a function of a step."""

import os

import torch

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

VERSION = torch.__version__
DEVICE = "cuda" if os.environ.get("XDL_DEVICE", "").startswith("cuda") else "cpu"
torch.set_default_device(DEVICE)


def given(array):
    """Return an array of NumPy's as a tensor, on the device."""
    return torch.from_numpy(array).to(DEVICE)


def graphed(step):
    """Return a function that replays a step as one CUDA graph.

    What it returns is written over by the next replay.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay():
        graph.replay()
        return loss

    return replay


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
        x, target = map(given, samples(batch, sizes[0], sizes[-1]))
        loss_function = torch.nn.CrossEntropyLoss()

        def step():
            optimizer.zero_grad()
            loss = loss_function(model(x), target)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return workload


def _cnn(threads):
    torch.set_num_threads(threads)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64 * 7 * 7, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 10),
    )
    with torch.no_grad():
        for weight in model.parameters():
            first = starting(weight.shape[::-1] if weight.ndim == 2 else weight.shape)
            first = first.T.copy() if weight.ndim == 2 else first.copy()
            weight.copy_(torch.from_numpy(first))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, target = map(given, images(CNN_BATCH))
    loss_function = torch.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


class _Language(torch.nn.Module):
    def __init__(self, tokens, size):
        super().__init__()
        self.embedding = torch.nn.Embedding(tokens, size)
        self.lstm = torch.nn.LSTM(size, size)
        self.scores = torch.nn.Linear(size, tokens)

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens))
        return self.scores(states)


def _lstm(threads):
    torch.set_num_threads(threads)
    tokens, size = LSTM["tokens"], LSTM["size"]
    model = _Language(tokens, size)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name == "embedding.weight":
                first = starting(weight.shape)
            else:
                first = starting(weight.shape[::-1]).T.copy()
            weight.copy_(torch.from_numpy(first))
    model.lstm.bias_hh_l0.requires_grad_(False)  # one bias is enough
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    drawn = given(text(LSTM["batch"], LSTM["length"], tokens).T.copy())
    loss_function = torch.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        scores = model(drawn[:-1]).flatten(0, 1)
        loss = loss_function(scores, drawn[1:].flatten())
        loss.backward()
        optimizer.step()
        return loss

    return step


class _Block(torch.nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = torch.nn.LayerNorm(size), torch.nn.LayerNorm(size)
        self.projection = torch.nn.Linear(size, 3 * size)
        self.output = torch.nn.Linear(size, size)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(size, 4 * size),
            torch.nn.GELU(approximate="tanh"),
            torch.nn.Linear(4 * size, size),
        )

    def forward(self, x):
        n, t, size = x.shape
        projected = self.projection(self.norm1(x)).view(n, t, 3, self.heads, -1)
        q, k, v = projected.permute(2, 0, 3, 1, 4)
        mixed = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True
        )
        x = x + self.output(mixed.transpose(1, 2).reshape(n, t, size))
        return x + self.mlp(self.norm2(x))


class _GPT(torch.nn.Module):
    def __init__(self, tokens, context, size, heads, layers):
        super().__init__()
        self.embedding = torch.nn.Embedding(tokens, size)
        self.positions = torch.nn.Embedding(context, size)
        for table in (self.embedding, self.positions):
            torch.nn.init.normal_(table.weight, std=0.02)
        self.blocks = torch.nn.Sequential(*[_Block(size, heads) for _ in range(layers)])
        self.norm = torch.nn.LayerNorm(size)

    def forward(self, tokens):
        places = torch.arange(tokens.shape[1])
        x = self.blocks(self.embedding(tokens) + self.positions(places))
        return self.norm(x) @ self.embedding.weight.T


def _gpt(threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = _GPT(**GPT)
    on_gpu = DEVICE == "cuda"
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, capturable=on_gpu)
    tokens = given(text(GPT_BATCH, GPT["context"], GPT["tokens"]))
    loss_function = torch.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        scores = model(tokens[:, :-1]).flatten(0, 1)
        loss = loss_function(scores, tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        return loss

    return step


WORKLOADS = {
    "linear 64-10, batch 1": _classifier(1, 64, 10),
    "linear 64-10, batch 32": _classifier(32, 64, 10),
    "MLP 784-512-512-10, batch 128": _classifier(128, 784, 512, 512, 10),
    "CNN 32-64-128, 64 images of 28x28": _cnn,
    "LSTM 256 wide, 64 steps, batch 32": _lstm,
    "GPT 4 layers of 128, 64 tokens, batch 8": _gpt,
}
