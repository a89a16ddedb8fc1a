"""Products under autocast beside PyTorch's, whose results are of 16 bits, too."""

import numpy as np
import pytest

import xdl

torch = pytest.importorskip("torch")
F = torch.nn.functional
EPS = 2.0**-8  # half the distance of bfloat16's numbers from 1 on
RNG = np.random.default_rng(0)


def _lstm(xs, h, c, w, u, b):
    """Compute step by step: PyTorch's own has no bfloat16 on every processor."""
    outputs = []
    for x in xs:
        i, f, g, o = (x @ w + h @ u + b).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


# From a name to the function here, that of PyTorch, and the shapes of the inputs.
OPERATIONS = {
    "matmul": (xdl.matmul, torch.matmul, (8, 16), (16, 12)),
    "matmul of stacks": (xdl.matmul, torch.matmul, (3, 8, 16), (3, 16, 12)),
    "linear": (
        xdl.linear,
        lambda x, w, b: F.linear(x, w.T, b),
        *((8, 16), (16, 12), (12,)),
    ),
    "einsum": (
        lambda x, w: xdl.einsum("bij,bjk->bik", x, w),
        lambda x, w: torch.einsum("bij,bjk->bik", x, w),
        *((3, 8, 16), (3, 16, 12)),
    ),
    "conv1d": (xdl.conv1d, F.conv1d, (2, 3, 12), (4, 3, 3), (4,)),
    "conv2d": (xdl.conv2d, F.conv2d, (2, 3, 8, 8), (4, 3, 3, 3), (4,)),
    "conv2d in groups": (
        lambda x, w: xdl.conv2d(x, w, groups=2),
        lambda x, w: F.conv2d(x, w, groups=2),
        *((2, 4, 8, 8), (6, 2, 3, 3)),
    ),
    "conv3d": (xdl.conv3d, F.conv3d, (1, 2, 5, 5, 5), (3, 2, 2, 2, 2), (3,)),
    "conv_transpose2d": (
        xdl.conv_transpose2d,
        F.conv_transpose2d,
        *((2, 3, 5, 5), (3, 2, 3, 3), (2,)),
    ),
    "attention": (
        xdl.scaled_dot_product_attention,
        F.scaled_dot_product_attention,
        *((2, 6, 8), (2, 6, 8), (2, 6, 8)),
    ),
    "lstm": (
        lambda *xs: xdl.lstm(*xs)[0],
        _lstm,
        *((5, 3, 4), (3, 6), (3, 6), (4, 24), (6, 24), (24,)),
    ),
}
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def _ours(name, arrays, gy):
    function, _, *_ = OPERATIONS[name]
    inputs = [xdl.Variable(x) for x in arrays]
    with xdl.autocast("bfloat16"):
        y = function(*inputs)
    y.backward(gy)
    return [y.numpy(), *[x.grad for x in inputs]]


def _theirs(name, arrays, gy):
    _, function, *_ = OPERATIONS[name]
    inputs = [torch.tensor(x, requires_grad=True) for x in arrays]
    with torch.autocast("cpu", torch.bfloat16):
        y = function(*inputs)
    y.backward(torch.tensor(gy).to(y.dtype))
    return [x.float().detach().numpy() for x in (y, *[x.grad for x in inputs])]


def _drawn(name):
    function, _, *shapes = OPERATIONS[name]
    arrays = [RNG.standard_normal(shape, "f4") for shape in shapes]
    gy = RNG.standard_normal(function(*arrays).shape, "f4")
    return arrays, gy


def _distance(found, expected):
    """Return how far arrays are apart, in the largest of the expected numbers."""
    pairs = zip(found, expected, strict=True)
    return [np.abs(a - b).max() / np.abs(b).max() for a, b in pairs]


@every_operation
def test_results_and_gradients_are_pytorchs_within_roundings_of_bfloat16(name):
    arrays, gy = _drawn(name)

    found, expected = _ours(name, arrays, gy), _theirs(name, arrays, gy)

    assert max(_distance(found, expected)) < 8 * EPS
    assert [np.float32] * len(found) == [x.dtype for x in found]


@every_operation
def test_results_are_about_as_near_to_float32s_as_pytorchs(name):
    arrays, gy = _drawn(name)
    inputs = [xdl.Variable(x) for x in arrays]
    exact = OPERATIONS[name][0](*inputs).numpy()

    ours, theirs = _ours(name, arrays, gy)[0], _theirs(name, arrays, gy)[0]

    assert 0 < np.linalg.norm(ours - exact) < 1.5 * np.linalg.norm(theirs - exact)


def test_a_model_trains_as_pytorchs_does():
    x = RNG.standard_normal((64, 10), "f4")
    t = (x[:, 0] > x[:, 1]).astype(int)
    model = xdl.models.MLP([10, 16, 2])
    layers = [torch.nn.Linear(10, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)]
    twin = torch.nn.Sequential(*layers)
    for ours, theirs in zip(model.layers, (layers[0], layers[2]), strict=True):
        theirs.weight.data = torch.tensor(ours.weight.numpy().T.copy())
        theirs.bias.data = torch.tensor(ours.bias.numpy().copy())
    optimizer = xdl.SGD(model, lr=0.2, momentum=0.9)
    other = torch.optim.SGD(twin.parameters(), lr=0.2, momentum=0.9)
    losses = []

    for _ in range(30):
        with xdl.autocast("bfloat16"):
            model.forward(x)
            loss = model.loss(t)
        model.backward()
        optimizer.update()
        with torch.autocast("cpu", torch.bfloat16):
            twin_loss = F.cross_entropy(twin(torch.tensor(x)), torch.tensor(t))
        other.zero_grad()
        twin_loss.backward()
        other.step()
        losses.append((loss.item(), twin_loss.item()))

    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=0.05, atol=5e-3)
    assert losses[-1][0] < 0.3 * losses[0][0]
