"""One reader of options: numbers become Python's, Variables are refused by name."""

import fractions

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, Variable, nn, optim
from xdl.core.option import number, plain

X = np.array([[0.5, -1.5], [2.0, -0.25]], np.float32)
IMAGES = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
SIGNS, LABELS = [[1, -1], [1, 1]], [0, 1]

# Functions of a Variable and a number, or whatever stands for it, as an option.
NUMBERS = {
    "attention": lambda x, n: xdl.scaled_dot_product_attention(x, x, x, scale=n),
    "batch_norm": lambda x, n: xdl.batch_norm(x, eps=n),
    "celu": lambda x, n: xdl.celu(x, n),
    "clip": lambda x, n: xdl.clip(x, 0, n),
    "cosine": lambda x, n: xdl.cosine_embedding_loss(x, x * x, LABELS_OF_SIGN, n),
    "dropout": lambda x, n: xdl.dropout(x, n),
    "elu": lambda x, n: xdl.elu(x, n),
    "hard_tanh": lambda x, n: xdl.hard_tanh(x, -1, n),
    "hinge": lambda x, n: xdl.hinge_loss(x, SIGNS, n),
    "huber": lambda x, n: xdl.huber_loss(x, X + 2, n),
    "interpolate": lambda x, n: xdl.interpolate(xdl.reshape(x, (1, 1, 4)), None, n),
    "label_smoothing": lambda x, n: xdl.softmax_cross_entropy(
        x, LABELS, label_smoothing=n
    ),
    "layer_norm": lambda x, n: xdl.layer_norm(x, 2, eps=n),
    "leaky_relu": lambda x, n: xdl.leaky_relu(x, n),
    "norm": lambda x, n: xdl.norm(x, ord=n),
    "pad": lambda x, n: xdl.pad(x, 1, value=n),
    "smooth_l1": lambda x, n: xdl.smooth_l1_loss(x, X + 2, n),
    "softplus": lambda x, n: xdl.softplus(x, n),
    "std": lambda x, n: xdl.std(x, correction=n),
    "triplet": lambda x, n: xdl.triplet_loss(x, x * x, x + 1, n),
    "var": lambda x, n: xdl.var(x, correction=n),
}
LABELS_OF_SIGN = [1, -1]
# The same for whole numbers: axes, sizes, shapes, counts.
INTEGERS = {
    "avg_pool2d": lambda x, n: xdl.avg_pool2d(xdl.reshape(x, (1, 1, 2, 2)), n),
    "concat": lambda x, n: xdl.concat([x, x], n),
    "cumulative_sum": lambda x, n: xdl.cumulative_sum(x, n),
    "diagonal": lambda x, n: xdl.diagonal(x, n),
    "diff": lambda x, n: xdl.diff(x, n),
    "expand_dims": lambda x, n: xdl.expand_dims(x, n),
    "flatten": lambda x, n: xdl.flatten(x, 0, n),
    "flip": lambda x, n: xdl.flip(x, n),
    "glu": lambda x, n: xdl.glu(x, n),
    "group_norm": lambda x, n: xdl.group_norm(x, n),
    "mean of a pair": lambda x, n: xdl.mean(x, (0, n)),
    "moveaxis": lambda x, n: xdl.moveaxis(x, 0, n),
    "one_hot": lambda x, n: xdl.one_hot([0, 0], n) * x,
    "pad": lambda x, n: xdl.pad(x, n),
    "permute_dims": lambda x, n: xdl.permute_dims(x, (n, 0)),
    "repeat": lambda x, n: xdl.repeat(x, n),
    "reshape": lambda x, n: xdl.reshape(x, (n, 4)),
    "roll": lambda x, n: xdl.roll(x, n),
    "softmax": lambda x, n: xdl.softmax(x, n),
    "sort": lambda x, n: xdl.sort(x, n),
    "split": lambda x, n: xdl.split(x, n)[0],
    "stack": lambda x, n: xdl.stack([x, x], n),
    "sum": lambda x, n: xdl.sum(x, n),
    "swapaxes": lambda x, n: xdl.swapaxes(x, 0, n),
    "take": lambda x, n: xdl.take(x, [0], n),
    "tensordot": lambda x, n: xdl.tensordot(x, x, n),
    "tile": lambda x, n: xdl.tile(x, (n, 2)),
    "topk": lambda x, n: xdl.topk(x, n)[0],
    "tril": lambda x, n: xdl.tril(x, n),
    "unstack": lambda x, n: xdl.unstack(x, n)[0],
    "vecdot": lambda x, n: xdl.vecdot(x, x, n),
}
LAYERS = {
    "AvgPool2d": lambda n: nn.AvgPool2d(n),
    "BatchNorm1d": lambda n: nn.BatchNorm1d(2, momentum=n),
    "Conv2d": lambda n: nn.Conv2d(1, 1, 1, stride=n),
    "ConvTranspose2d": lambda n: nn.ConvTranspose2d(1, 1, 1, groups=n),
    "Dropout": lambda n: nn.Dropout(n),
    "Embedding": lambda n: nn.Embedding(n, 2),
    "Flatten": lambda n: nn.Flatten(n),
    "GroupNorm": lambda n: nn.GroupNorm(n, 2),
    "HingeLoss": lambda n: nn.HingeLoss(n),
    "HuberLoss": lambda n: nn.HuberLoss(n),
    "LSTM": lambda n: nn.LSTM(2, 2, n),
    "LayerNorm": lambda n: nn.LayerNorm(n),
    "LeakyReLU": lambda n: nn.LeakyReLU(n),
    "Linear": lambda n: nn.Linear(n, 2),
    "MultiHeadAttention": lambda n: nn.MultiHeadAttention(2, n),
    "SmoothL1Loss": lambda n: nn.SmoothL1Loss(n),
    "TripletLoss": lambda n: nn.TripletLoss(n),
    "constant": lambda n: xdl.init.constant((2,), n),
    "normal": lambda n: xdl.init.normal((2,), n),
    "orthogonal": lambda n: xdl.init.orthogonal((2, 2), n),
    "get_variable": lambda n: xdl.Parameter().get_variable("w", [n, 2]),
    "SGD": lambda n: xdl.SGD([Variable([1.0])], lr=n),
    "SGD.momentum": lambda n: xdl.SGD([Variable([1.0])], momentum=n * 0.5),
    "Adam.betas": lambda n: optim.Adam([Variable([1.0])], betas=(0.5, n * 0.5)),
    "Adam.eps": lambda n: optim.Adam([Variable([1.0])], eps=n),
    "EMA": lambda n: optim.EMA([Variable([1.0])], decay=n * 0.5),
    "StepLR": lambda n: optim.StepLR(xdl.SGD([Variable([1.0])]), step_size=n),
    "clip_grad_norm": lambda n: optim.clip_grad_norm([Variable([1.0])], n),
    "clip_grad_value": lambda n: optim.clip_grad_value([Variable([1.0])], n),
}
KINDS = {
    "float64": np.float64,
    "float32": np.float32,
    "int64": np.int64,
    "uint8": np.uint8,
    "0-d float64": lambda n: np.array(n, np.float64),
    "0-d int32": lambda n: np.array(n, np.int32),
}


def _outcome(function, option):
    """Return the value and the gradient of a call, and their dtypes."""
    xdl.seed(0)
    x = Variable(X)
    y = function(x, option)
    y.backward(np.ones(y.shape))
    return y.numpy().tolist(), x.grad.tolist(), y.dtype, x.grad.dtype


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_numpy_is_read_as_that_of_python(name, kind):
    expected = _outcome(NUMBERS[name], 1)

    assert expected == _outcome(NUMBERS[name], KINDS[kind](1))
    assert expected[2] == expected[3] == np.float32


@pytest.mark.parametrize("kind", ["int64", "uint8", "0-d int32"])
@pytest.mark.parametrize("name", INTEGERS)
def test_an_integer_of_numpy_is_read_as_that_of_python(name, kind):
    assert _outcome(INTEGERS[name], 1) == _outcome(INTEGERS[name], KINDS[kind](1))


@pytest.mark.parametrize("kind", ["int64", "0-d int32"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_numbers_of_numpy(name, kind):
    LAYERS[name](KINDS[kind](1))


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_variable_as_an_option_is_refused_by_name(name, trainable):
    slope = Variable(0.5, "slope", trainable)

    with pytest.raises(ArgumentError, match=r'Variable "slope" \(\), needed a plain'):
        NUMBERS[name](Variable(X), slope)


@pytest.mark.parametrize("name", INTEGERS)
def test_a_variable_as_an_axis_or_size_is_refused_by_name(name):
    with pytest.raises(ArgumentError, match=r"Variable \(\), needed .*\.item\(\)"):
        INTEGERS[name](Variable(X), Variable(1))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_refuses_a_variable_as_an_option_when_it_is_made(name):
    with pytest.raises(ArgumentError, match="Variable .*needed a plain value"):
        LAYERS[name](Variable(1.0))


def test_the_refusal_names_the_operation_and_the_option():
    with pytest.raises(ArgumentError, match="LeakyReLU: negative_slope is a Variable"):
        xdl.leaky_relu(X, Variable(0.1))


def test_an_option_computed_in_a_compiled_step_is_refused():
    x = Variable(X)
    step = xdl.compile(lambda a: xdl.leaky_relu(x, xdl.mean(a)), x)

    with pytest.raises(ArgumentError, match="negative_slope is a Variable"):
        step(X)


@pytest.mark.parametrize("value", ["0.1", None, 1j, [0.1], np.ones(2)], ids=repr)
@pytest.mark.parametrize("name", ["elu", "softplus", "huber", "var", "label_smoothing"])
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(ArgumentError, match="needed a number"):
        NUMBERS[name](Variable(X), value)


def test_numbers_inside_tuples_and_lists_are_read_too():
    value = plain("Op", "axes", [np.int64(1), (np.array(2), 3), "a"])

    assert [1, (2, 3), "a"] == value
    assert [int, int] == [type(value[0]), type(value[1][0])]


@pytest.mark.parametrize("value", [np.ones(2), np.float32, slice(0, 1), object()])
def test_other_objects_stay_as_they_are(value):
    assert plain("Op", "option", value) is value


def test_a_number_of_another_class_becomes_a_float():
    found = number("Op", "n", fractions.Fraction(1, 4))

    assert (float, 0.25) == (type(found), found)


@pytest.mark.parametrize("lr", [np.float64(0.1), np.float32(0.5), np.array(0.1)])
def test_an_optimizer_keeps_a_python_number_and_the_dtype_of_the_weights(lr):
    w = Variable([1.0, 2.0])
    optimizer = optim.Adam([w], lr=lr, weight_decay=np.float64(0.1))

    (w * w).sum().backward()
    optimizer.update()

    assert float is type(optimizer.lr)
    assert {"float32"} == {str(w.dtype), str(optimizer.state["average/0"].dtype)}


def test_running_statistics_keep_their_dtype_with_a_momentum_of_numpy():
    layer = nn.BatchNorm1d(2, eps=np.float64(1e-5), momentum=np.float64(0.5))

    y = layer(X)

    assert {"float32"} == {str(y.dtype), str(layer.running_mean.dtype)}
