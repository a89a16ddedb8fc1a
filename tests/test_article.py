"""The programs of "Implement a deep learning framework", as its reader writes them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import xdl
from xdl import SGD, Matmul, Model, Parameter, SoftmaxLoss


class LinearModel(Model):
    def __init__(self, input_size, output_size):
        super().__init__()
        self.W = self.parameter.get_variable("weight", [input_size, output_size])
        self.matmul = Matmul()
        self.loss_ops = SoftmaxLoss()

    def forward(self, x):
        self.output = self.matmul.forward([x, self.W])
        return self.output

    def loss(self, target):
        self.loss_ops.forward(self.output)
        return self.loss_ops.loss(target)

    def backward(self):
        self.loss_ops.backward()


class PlainLinearModel:
    """The article's own class: it has no base, and is given Variables."""

    def __init__(self, input_size, output_size):
        self.parameter = Parameter()
        self.W = self.parameter.get_variable("weight", [input_size, output_size])
        self.matmul = Matmul()
        self.loss_ops = SoftmaxLoss()

    def forward(self, input_variable):
        output_variable = self.matmul.forward([xdl.Variable(input_variable), self.W])
        self.loss_ops.forward(output_variable)
        return output_variable

    def loss(self, target_variable):
        return self.loss_ops.loss(xdl.Variable(target_variable))

    def backward(self):
        self.loss_ops.backward()


class ArticleSGD:
    """The article's own optimizer: its loop, its spelling."""

    def __init__(self, parameter, lr=0.001):
        self.parameter = parameter
        self.lr = lr

    def update(self):
        for param_name in self.parameter.variable_dict.keys():  # noqa: SIM118
            param = self.parameter.variable_dict[param_name]
            if param.trainable:
                param.value -= self.lr * param.grad
        self.parameter.clear_grads()


@pytest.fixture(scope="module")
def digits():
    samples = load_digits()
    pixels = (samples.data / 16).astype(np.float32)
    return train_test_split(pixels, samples.target, test_size=0.25, random_state=0)


def trained(model_class, optimizer_class, digits, steps=None):
    """Return a model after one epoch of steps with one sample each, and the losses."""
    train_x, _, train_target, _ = digits
    xdl.seed(0)
    model = model_class(64, 10)
    optimizer = optimizer_class(model.parameter, lr=0.01)
    losses = []
    for x, target in zip(train_x[:steps], train_target[:steps], strict=True):
        model.forward(x[None])
        losses.append(model.loss(target[None]).item())
        model.backward()
        optimizer.update()
    return model, losses


@pytest.mark.parametrize("optimizer_class", [SGD, ArticleSGD])
def test_article_program_learns_the_digits_in_one_epoch(optimizer_class, digits):
    _, test_x, _, test_target = digits

    model, losses = trained(LinearModel, optimizer_class, digits)

    answers = model.forward(test_x).numpy().argmax(axis=1)
    assert 0.84 <= np.mean(answers == test_target) <= 0.90
    assert np.mean(losses[-100:]) < np.mean(losses[:100]) / 2


def test_article_program_takes_the_steps_of_plain_numpy(digits):
    train_x, _, train_target, _ = digits
    xdl.seed(0)
    W = np.random.Generator(np.random.PCG64(0)).standard_normal((64, 10)) / 8

    model, losses = trained(LinearModel, SGD, digits, steps=200)

    expected_losses = []
    for x, target in zip(train_x[:200], train_target[:200], strict=True):
        p = np.exp(x @ W)
        p /= p.sum()
        expected_losses.append(-np.log(p[target]))
        p[target] -= 1
        W -= 0.01 * np.outer(x, p)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    np.testing.assert_allclose(model.W.numpy(), W, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model_class", [LinearModel, xdl.LinearModel])
def test_loop_of_the_article_gives_the_weights_of_sgd(model_class, digits):
    theirs, _ = trained(model_class, ArticleSGD, digits, steps=300)

    ours, _ = trained(model_class, SGD, digits, steps=300)

    np.testing.assert_array_equal(theirs.W.numpy(), ours.W.numpy())


@pytest.mark.parametrize("model_class", [xdl.LinearModel, PlainLinearModel])
def test_every_spelling_of_the_linear_model_trains_alike(model_class, digits):
    article, expected_losses = trained(LinearModel, SGD, digits, steps=300)

    model, losses = trained(model_class, SGD, digits, steps=300)

    assert expected_losses == losses
    np.testing.assert_array_equal(article.W.numpy(), model.W.numpy())


def test_loop_of_the_article_clears_the_gradients(digits):
    model, _ = trained(LinearModel, ArticleSGD, digits, steps=1)

    assert model.W.grad is None


def small_rnn(parameter, xs, target):
    """Run a recurrent network that fetches its weights by name at every time step."""
    state = np.zeros((xs.shape[1], 4))
    for x in xs:
        Wx = parameter.get_variable("input", [3, 4], dtype="float64")
        Wh = parameter.get_variable("state", [4, 4], dtype="float64")
        state = xdl.tanh(xdl.matmul(x, Wx) + xdl.matmul(state, Wh))
    W = parameter.get_variable("output", [4, 2], dtype="float64")
    return xdl.softmax_cross_entropy(xdl.matmul(state, W), target)


@pytest.fixture
def sequences(rng):
    """Return 5 time steps of 6 samples with 3 features, and a label for each sample."""
    return rng.standard_normal((5, 6, 3)), rng.integers(2, size=6)


def finite_difference(function, variable, step=1e-6):
    """Return the gradient of ``function()`` by a Variable, element by element."""
    original = variable.numpy()
    gradient = np.zeros_like(original)
    for index in np.ndindex(original.shape):
        sides = []
        for offset in (step, -step):
            moved = original.copy()
            moved[index] += offset
            variable.value = moved
            sides.append(function().item())
        gradient[index] = (sides[0] - sides[1]) / (2 * step)
    variable.value = original
    return gradient


@pytest.mark.parametrize("name", ["input", "state", "output"])
def test_weight_fetched_at_each_time_step_has_the_finite_difference_gradient(
    name, sequences
):
    parameter = Parameter()
    loss = small_rnn(parameter, *sequences)
    weight = parameter.get_variable(name, parameter[name].shape)

    loss.backward()

    grad = weight.grad
    expected = finite_difference(lambda: small_rnn(parameter, *sequences), weight)
    assert np.float64 == grad.dtype
    assert np.linalg.norm(expected) > 1e-2
    assert np.linalg.norm(expected - grad) < 1e-7 * np.linalg.norm(expected)


def test_get_variable_returns_one_variable_for_one_name(sequences):
    parameter = Parameter()
    small_rnn(parameter, *sequences)

    again = parameter.get_variable("state", [4, 4])

    assert parameter.get_variable("state", [4, 4]) is again
    assert ["input", "state", "output"] == list(parameter.variable_dict)


def test_gradients_of_all_uses_of_a_shared_weight_add(rng):
    parameter = Parameter()
    xs = rng.standard_normal((3, 2, 4))
    uses = [parameter.get_variable("weight", [4, 4], dtype="float64") for _ in xs]
    apart = [xdl.Variable(uses[0]) for _ in xs]

    for weights in (uses, apart):
        state = xs[0]
        for x, weight in zip(xs, weights, strict=True):
            state = xdl.tanh(xdl.matmul(state + x, weight))
        state.sum().backward()

    expected = sum(weight.grad for weight in apart)
    np.testing.assert_allclose(uses[0].grad, expected, rtol=1e-12)


@pytest.mark.parametrize("outputs", [1, 2])
def test_linear_regression_finds_the_closed_form_least_squares(outputs, rng):
    x = rng.standard_normal((60, 3))
    target = x @ rng.standard_normal((3, outputs)) + 0.5
    target += 0.3 * rng.standard_normal(target.shape)
    model = xdl.LinearRegression(3, outputs)
    optimizer = SGD(model.parameter, lr=0.5)

    for _ in range(200):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()

    with_ones = np.hstack([x, np.ones((60, 1))])
    expected, residual, *_ = np.linalg.lstsq(with_ones, target)
    np.testing.assert_allclose(model.weight.numpy(), expected[:3], atol=1e-5)
    np.testing.assert_allclose(model.bias.numpy(), expected[3], atol=1e-5)
    np.testing.assert_allclose(loss.item(), residual.sum() / 2 / 60, rtol=1e-5)
