"""A weight for each sample, in every loss; probabilities as targets."""

import inspect

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, GraphError, ShapeError, Variable, nn

LABELS = np.array([0, 2, 1, 2, 0])
SIGNS = np.array([1, -1, 1, 1, -1])
WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 3.0])
COUNTS = np.array([1, 2, 0, 1, 3])
TIMES, MANY = np.array([4, 3, 4, 4, 2]), np.array([2, 1, 2, 1, 1])


def _drawn(*shape, low=-1.0, high=1.0):
    return np.random.default_rng(0).uniform(low, high, shape)


OTHER = _drawn(5, 3, low=0.1, high=0.9)[::-1].copy()
# From a function's name to the shapes of its outputs, its targets, options, its layer.
LOSSES = {
    "mean_squared_error": ([(5, 3)], [OTHER], {}, nn.MSELoss),
    "square_error": ([(5, 3)], [OTHER], {}, nn.SquareLoss),
    "l1_loss": ([(5, 3)], [OTHER], {}, nn.L1Loss),
    "huber_loss": ([(5, 3)], [OTHER], {"delta": 0.3}, nn.HuberLoss),
    "smooth_l1_loss": ([(5, 3)], [OTHER], {"beta": 0.3}, nn.SmoothL1Loss),
    "binary_cross_entropy": ([(5, 3)], [OTHER], {"weight": [1.0, 2, 3]}, nn.BCELoss),
    "binary_cross_entropy_with_logits": (
        [(5, 3)],
        [OTHER],
        {"weight": [1.0, 2, 3], "pos_weight": [2.0, 1, 0.5]},
        nn.BCEWithLogitsLoss,
    ),
    "softmax_cross_entropy": ([(5, 3)], [LABELS], {}, nn.SoftmaxLoss),
    "nll_loss": ([(5, 3)], [LABELS], {}, nn.NLLLoss),
    "hinge_loss": ([(5,)], [SIGNS], {"margin": 0.5}, nn.HingeLoss),
    "kl_div": ([(5, 3)], [OTHER], {}, nn.KLDivLoss),
    "cosine_embedding_loss": ([(5, 3), (5, 3)], [SIGNS], {}, nn.CosineEmbeddingLoss),
    "triplet_loss": ([(5, 3)] * 3, [], {"swap": True}, nn.TripletLoss),
    "ctc_loss": (
        [(4, 5, 3)],
        [np.array([[1, 2], [2, 0], [1, 1], [2, 0], [1, 0]]), TIMES, MANY],
        {"zero_infinity": True},
        nn.CTCLoss,
    ),
}
FLOATING = [n for n, (_, t, _, _) in LOSSES.items() if t and t[0] is OTHER]
every_loss = pytest.mark.parametrize("name", LOSSES)


def _outputs(name, index=None):
    """Return Variables in float64, of all samples or of some."""
    axis = 1 if name == "ctc_loss" else 0
    made = []
    for i, shape in enumerate(LOSSES[name][0]):
        array = _drawn(*shape, low=0.1, high=0.9) * (1 + 0.3 * i)
        made.append(array if index is None else np.take(array, index, axis))
    return [Variable(array, dtype="float64") for array in made]


def _call(name, outputs, sample_weight=None, index=None, **options):
    _, targets, defaults, _ = LOSSES[name]
    targets = targets if index is None else [target[index] for target in targets]
    given = {} if sample_weight is None else {"sample_weight": sample_weight}
    function = getattr(xdl, name)
    return function(*outputs, *targets, **(defaults | options | given))


def _gradients(loss, outputs):
    xdl.sum(loss).backward()
    return [x.grad for x in outputs]


@every_loss
def test_whole_weights_are_samples_that_come_so_many_times(name):
    index = np.repeat(np.arange(5), COUNTS)
    outputs, repeated = _outputs(name), _outputs(name, index)

    loss = _call(name, outputs, COUNTS)
    expected = _call(name, repeated, index=index)

    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-12)
    axis = 1 if name == "ctc_loss" else 0
    pairs = zip(_gradients(loss, outputs), _gradients(expected, repeated), strict=True)
    for gradient, parts in pairs:
        added = np.zeros_like(np.moveaxis(gradient, axis, 0))
        np.add.at(added, index, np.moveaxis(parts, axis, 0))
        np.testing.assert_allclose(np.moveaxis(gradient, axis, 0), added, atol=1e-14)


@every_loss
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_weights_are_factors_of_the_losses(name, reduction):
    if name == "square_error":
        pytest.skip("it has no reduction")
    losses = _call(name, _outputs(name), reduction="none").numpy()

    actual = _call(name, _outputs(name), WEIGHT, reduction=reduction).numpy()

    weighted = losses * WEIGHT.reshape(5, *[1] * (losses.ndim - 1))
    expected = weighted if reduction == "none" else weighted.sum()
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@every_loss
@pytest.mark.parametrize("weight", [np.ones(5), np.full(5, 0.25), 3.0])
def test_equal_weights_change_no_mean(name, weight):
    expected, loss = _call(name, _outputs(name)), _call(name, _outputs(name), weight)

    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-12)


@every_loss
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_of_weight_0_is_left_out_whatever_stands_in_it(name, bad):
    outputs, clean = _outputs(name), _outputs(name)
    for x in outputs:
        np.moveaxis(x.value, 1 if name == "ctc_loss" else 0, 0)[2] = bad

    loss, expected = (_call(name, some, WEIGHT) for some in (outputs, clean))

    assert expected.item() == loss.item()
    pairs = zip(_gradients(loss, outputs), _gradients(expected, clean), strict=True)
    for gradient, same in pairs:
        np.testing.assert_array_equal(gradient, same)


@every_loss
def test_a_mean_where_all_weights_are_0_is_0(name):
    outputs = _outputs(name)

    loss = _call(name, outputs, np.zeros(5))

    assert 0.0 == loss.item()
    assert not any(gradient.any() for gradient in _gradients(loss, outputs))


@every_loss
@pytest.mark.parametrize("shape", [(4,), (5, 1, 1, 1), (1, 5)])
def test_weights_of_other_axes_are_refused(name, shape):
    with pytest.raises(ShapeError, match=r"sample_weight has shape .*needed \(5,\)"):
        _call(name, _outputs(name), np.ones(shape))


@every_loss
def test_a_layer_passes_weights_on_to_its_function(name):
    _, targets, options, layer = LOSSES[name]
    x, same = _outputs(name), _outputs(name)
    loss_ops = layer(**options)

    loss_ops.forward(x[0] if len(x) == 1 else tuple(x))
    target = targets[0] if len(targets) == 1 else tuple(targets) or None
    loss = loss_ops.loss(target, sample_weight=WEIGHT)

    assert _call(name, same, WEIGHT).item() == loss.item()


@pytest.mark.parametrize("name", FLOATING)
def test_weights_of_all_axes_are_those_of_elements(name):
    weight, index = np.zeros((5, 3)), (np.array([0, 3, 4]), np.array([2, 1, 1]))
    weight[index] = [1.0, 2.0, 0.5]
    options = {} if name == "square_error" else {"reduction": "none"}
    if name == "square_error":
        losses = 1.5 * (_outputs(name)[0].numpy() - OTHER) ** 2
    else:
        losses = _call(name, _outputs(name), **options).numpy()

    loss = _call(name, _outputs(name), weight)

    expected = np.average(losses, weights=weight)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


def test_the_divergence_of_a_batch_is_divided_by_the_weights_of_its_samples():
    losses = _call("kl_div", _outputs("kl_div"), reduction="none").numpy()

    loss = _call("kl_div", _outputs("kl_div"), WEIGHT, reduction="batchmean")

    expected = np.average(losses.sum(axis=1), weights=WEIGHT)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "nll_loss"])
@pytest.mark.parametrize("ignored", [None, 1])
@pytest.mark.parametrize("weight", [None, [1.0, 0.5, 3.0]])
def test_weights_of_samples_and_of_classes_are_multiplied(name, ignored, weight):
    options = {"weight": weight, "ignore_index": ignored}
    losses = _call(name, _outputs(name), reduction="none", **options).numpy()

    loss = _call(name, _outputs(name), WEIGHT, **options)

    factors = np.ones(3) if weight is None else np.array(weight)
    divisor = WEIGHT * factors[LABELS] * (LABELS != ignored)
    expected = (losses * WEIGHT).sum() / divisor.sum()
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


def test_weights_may_be_trained():
    weight, outputs = Variable(WEIGHT), _outputs("mean_squared_error")
    losses = ((outputs[0].numpy() - OTHER) ** 2).mean(axis=1)

    _call("mean_squared_error", outputs, weight).backward()

    mean = np.average(losses, weights=WEIGHT)
    expected = np.where(WEIGHT == 0, -mean, losses - mean) / WEIGHT.sum()
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-12)


def test_a_model_takes_weights_for_its_loss():
    model = xdl.models.LinearModel(3, 3)
    x = _drawn(5, 3)

    output = model.forward(x)
    loss = model.loss(LABELS, sample_weight=COUNTS)
    model.backward()

    index = np.repeat(np.arange(5), COUNTS)
    expected = xdl.softmax_cross_entropy(output.detach()[index], LABELS[index])
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-6)
    assert model.W.grad.any()


def test_a_layer_of_ones_own_takes_weights_if_its_compute_does():
    class Own(nn.Loss):
        def compute(self, output, target):
            return xdl.mean(output - target)

    layer = Own()
    layer.forward(Variable([1.0]))

    assert 1.0 == layer.loss([0.0]).item()
    with pytest.raises(TypeError, match="compute"):
        layer.loss([0.0], sample_weight=[1.0])


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_a_compiled_step_takes_weights_as_any_array(executor):
    if executor == "numba":
        pytest.importorskip("numba")
    model = xdl.models.LinearModel(3, 3)
    optimizer = xdl.SGD(model, lr=0.0)

    def step(x, target, weight):
        model.forward(x)
        loss = model.loss(target, sample_weight=weight)
        model.backward()
        optimizer.update()
        return loss

    compiled = xdl.compile(step, model, optimizer, executor=executor)
    x = _drawn(5, 3).astype("f4")
    weights = [np.roll(WEIGHT, i).astype("f4") for i in range(4)]

    actual = [compiled(x, LABELS, weight).item() for weight in weights]

    expected = [step(x, LABELS, weight).item() for weight in weights]
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


# Options of the softmax loss in its layer.


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight": [1.0, 2.0, 0.5]},
        {"ignore_index": 2},
        {"label_smoothing": 0.2},
        {"weight": [1.0, 2.0, 0.5], "ignore_index": 0, "label_smoothing": 0.1},
    ],
)
def test_the_softmax_layer_has_the_options_of_its_function(options, reduction):
    x, layer = _outputs("nll_loss")[0], nn.SoftmaxLoss(**options, reduction=reduction)

    layer.forward(x)
    loss = layer.loss(LABELS)

    expected = xdl.softmax_cross_entropy(x, LABELS, **options, reduction=reduction)
    assert expected.numpy().tolist() == loss.numpy().tolist()


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, "much"])
def test_the_softmax_layer_refuses_another_smoothing_when_it_is_made(smoothing):
    with pytest.raises(ArgumentError, match="SoftmaxLoss: label_smoothing"):
        nn.SoftmaxLoss(label_smoothing=smoothing)


# Probabilities.


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_one_hot_probabilities_are_labels(shape, reduction, smoothing):
    count = int(np.prod(shape[:-1]))
    logits, labels = _drawn(*shape), np.arange(count).reshape(shape[:-1])
    x, same = Variable(logits), Variable(logits)
    options = {"reduction": reduction, "label_smoothing": smoothing}

    loss = xdl.softmax_cross_entropy(x, np.eye(3)[labels % 3], **options)
    expected = xdl.softmax_cross_entropy(same, labels % 3, **options)

    np.testing.assert_allclose(loss.numpy(), expected.numpy(), rtol=1e-12)
    pair = _gradients(loss, [x])[0], _gradients(expected, [same])[0]
    np.testing.assert_allclose(*pair, atol=1e-14)


def test_probabilities_follow_the_dtype_of_the_scores():
    scores = Variable(_drawn(5, 3).astype("f4"))

    loss = xdl.softmax_cross_entropy(scores, OTHER)
    loss.backward()

    assert "float32" == loss.dtype == scores.grad.dtype


def test_a_class_of_probability_0_may_be_impossible():
    scores = Variable([[0.0, -np.inf, 0.0]])

    loss = xdl.softmax_cross_entropy(scores, [[0.5, 0.0, 0.5]])
    loss.backward()

    np.testing.assert_allclose(loss.item(), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(scores.grad, [[0.0, 0.0, 0.0]], atol=1e-7)


def test_probabilities_with_weights_of_samples():
    scores = _outputs("nll_loss")[0]
    losses = xdl.softmax_cross_entropy(scores, OTHER, reduction="none").numpy()

    loss = xdl.softmax_cross_entropy(scores, OTHER, sample_weight=WEIGHT)

    np.testing.assert_allclose(loss.item(), np.average(losses, weights=WEIGHT))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"ignore_index": 1}, ArgumentError, "ignore_index 1 came with probabilities"),
        ({"weight": [1.0, 2.0]}, ShapeError, r"weight has shape \(2,\), needed \(3,\)"),
        ({"label_smoothing": 2.0}, ArgumentError, "from 0 to 1"),
        ({"reduction": "max"}, ArgumentError, "reduction 'max'"),
        ({"weight": Variable([1.0, 1.0, 1.0])}, GraphError, "weight is trainable"),
    ],
)
def test_probabilities_with_options_that_do_not_fit_are_refused(options, error, said):
    with pytest.raises(error, match=f"{said}"):
        xdl.softmax_cross_entropy(_outputs("nll_loss")[0], OTHER, **options)


def test_a_mean_over_no_probabilities_is_refused():
    with pytest.raises(xdl.EmptyBatchError, match="empty batch"):
        xdl.softmax_cross_entropy(np.zeros((0, 3)), np.zeros((0, 3)))


@every_loss
def test_a_layer_has_every_option_of_its_function(name):
    function, layer = getattr(xdl, name), LOSSES[name][3]
    inputs = inspect.signature(function.op_class.compute).parameters
    own = {"self", "xp", "sample_weight"} | (set(inputs) - {"weight", "pos_weight"})

    options = set(inspect.signature(function).parameters) - own

    assert options == set(inspect.signature(layer).parameters)
    assert "sample_weight" in inspect.signature(layer.compute).parameters
