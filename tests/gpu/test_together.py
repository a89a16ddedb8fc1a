"""Optimizers on the GPU: one launch for all weights, one answer for all gradients."""

import copy
import pickle

import numpy as np
import pytest

import xdl
from tests.host_gpu.watch import is_there, watching
from xdl.backend import checks

counted = pytest.mark.skipif(not is_there(), reason="only the host GPU counts")
DTYPES = ("float16", "bfloat16", "float32", "float64")
CLOSE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 3e-6, "float64": 1e-12}
SHAPES = ((3, 4), (4097,), (0, 2), (), (2, 3, 5))
MAKES = {
    "SGD": lambda w: xdl.SGD(w, lr=0.1, weight_decay=0.1),
    "momentum": lambda w: xdl.SGD(w, lr=0.1, momentum=0.9),
    "nesterov": lambda w: xdl.SGD(w, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda w: xdl.optim.Adam(w, lr=0.1, weight_decay=0.1),
    "AdamW": lambda w: xdl.optim.AdamW(w, lr=0.1),
    "amsgrad": lambda w: xdl.optim.AdamW(w, lr=0.1, amsgrad=True),
    "NAdam": lambda w: xdl.optim.NAdam(w, lr=0.1, weight_decay=0.1),
    "RAdam": lambda w: xdl.optim.RAdam(
        w, lr=0.1, betas=(0.9, 0.8), weight_decay=0.1, decoupled_weight_decay=True
    ),
    "RAdam of few steps": lambda w: xdl.optim.RAdam(w, lr=0.1),
    "RMSprop": lambda w: xdl.optim.RMSprop(w, lr=0.1, weight_decay=0.1),
    "RMSprop, centered": lambda w: xdl.optim.RMSprop(
        w, lr=0.1, momentum=0.5, centered=True
    ),
    "RMSprop, momentum": lambda w: xdl.optim.RMSprop(w, lr=0.1, momentum=0.5),
    "Adagrad": lambda w: xdl.optim.Adagrad(w, lr=0.1, lr_decay=0.1, weight_decay=0.1),
    "Adadelta": lambda w: xdl.optim.Adadelta(w, weight_decay=0.1),
    "Lion": lambda w: xdl.optim.Lion(w, lr=0.1, weight_decay=0.1),
    "LAMB": lambda w: xdl.optim.LAMB(w, lr=0.1),
    "groups": lambda w: xdl.optim.AdamW(
        [{"params": w[:2], "weight_decay": 0.5}, {"params": w[2:], "lr": 0.02}], lr=0.1
    ),
}
# Each group is a launch.
WITH_KERNEL = tuple(name for name in MAKES if name not in ("LAMB", "groups"))


@pytest.fixture(autouse=True)
def _at_once():
    """Put checks back to where they start."""
    yield
    xdl.set_checks("immediate")


def _trained(make, device, dtype, shapes, steps=8, scale=1.0):
    """Return weights and state after steps of drawn gradients, as float64 arrays."""
    rng = np.random.default_rng(0)
    with xdl.use_device(device):
        weights = [
            xdl.Variable(rng.normal(size=s).astype("float32"), dtype=dtype)
            for s in shapes
        ]
        optimizer = make(weights)
        for _ in range(steps):
            for weight in weights[::-1]:
                drawn = rng.normal(size=weight.shape) * scale
                weight.grad = drawn.astype("float32")
            optimizer.update()
    kept = [*weights, *optimizer.state.values()]
    return [np.asarray(v.numpy()).astype("float64") for v in kept]


def _assert_close(expected, actual, close):
    for wanted, found in zip(expected, actual, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=close, atol=close)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MAKES)
def test_weights_and_state_are_those_of_the_cpu(name, dtype):
    expected = _trained(MAKES[name], "cpu", dtype, SHAPES)

    actual = _trained(MAKES[name], "cuda", dtype, SHAPES)

    _assert_close(
        expected, actual, {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 3e-6)
    )


@pytest.mark.gpu
def test_a_state_that_is_switched_off_stays_as_it_is():
    def trained(device):
        with xdl.use_device(device):
            w = xdl.Variable([1.0, -2.0])
        optimizer = xdl.optim.Adam([w], lr=0.1, amsgrad=True)
        for scale in (3.0, 1.0):
            w.grad = np.array([scale, -scale], "float32")
            optimizer.update()
            optimizer.amsgrad = False
        return [v.numpy() for v in (w, *optimizer.state.values())]

    _assert_close(trained("cpu"), trained("cuda"), 3e-6)


@pytest.mark.gpu
def test_more_weights_than_a_launch_takes_are_all_changed():
    shapes = [(i % 5 + 1,) for i in range(130)]
    expected = _trained(MAKES["AdamW"], "cpu", "float32", shapes)

    actual = _trained(MAKES["AdamW"], "cuda", "float32", shapes)

    _assert_close(expected, actual, 3e-6)


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "scale"), [("float32", 1e30), ("float64", 1e200)])
def test_gradients_whose_squares_would_be_infinite_are_limited(dtype, scale):
    expected, actual = [], []
    for device, found in (("cpu", expected), ("cuda", actual)):
        with xdl.use_device(device):
            w = xdl.Variable([1.0, -2.0], dtype=dtype)
        w.grad = np.array([scale, -scale], dtype)
        xdl.optim.Adam([w], lr=0.1).update()
        found.append(w.numpy())

    _assert_close(expected, actual, 1e-6)


def _two():
    """Return two weights, an AdamW, and a function of a step, which may go wrong."""
    w, v = xdl.Variable([1.0, 2.0], name="w"), xdl.Variable([3.0, 4.0], name="v")
    optimizer = xdl.optim.AdamW([w, v])

    def step(wrong=None):
        (w * w + v).sum().backward()
        if wrong is not None:
            v.grad = np.array([1, wrong], "float32")
        optimizer.update()

    return [w, v], optimizer, step


def _kept(weights, optimizer):
    return [v.numpy().tolist() for v in (*weights, *optimizer.state.values())]


@pytest.mark.gpu
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(wrong):
    weights, optimizer, step = _two()
    step()
    before = _kept(weights, optimizer)

    with pytest.raises(xdl.NonFiniteError, match='gradient of Variable "v"'):
        step(wrong)

    assert before == _kept(weights, optimizer)
    assert [None, None] == [weight.grad for weight in weights]


@pytest.mark.gpu
def test_a_deferred_error_comes_at_the_next_read_and_names_its_step():
    weights, optimizer, step = _two()
    step()
    xdl.set_checks("deferred")
    step()
    before = _kept(weights, optimizer)
    step(np.nan)
    step()
    step(np.inf)

    with pytest.raises(xdl.NonFiniteError, match=r'"v".*\(step 2 of those with'):
        weights[0].numpy()

    assert before == _kept(weights, optimizer)
    step()
    assert before != _kept(weights, optimizer)


@pytest.mark.gpu
def test_a_deferred_label_error_comes_at_the_read_of_the_loss():
    xdl.set_checks("deferred")
    logits, labels = xdl.Variable([[1.0, 2.0], [3.0, 4.0]]), xdl.Variable([0, 2])
    loss = xdl.softmax_cross_entropy(logits, labels)

    with pytest.raises(xdl.LabelError, match=r"position 1 holds 2.*\(step 1 of"):
        loss.item()


@pytest.mark.gpu
def test_no_weight_changes_after_a_deferred_label_error():
    logits, labels = xdl.Variable([[1.0, 2.0], [3.0, 4.0]]), xdl.Variable([0, 2])
    optimizer = xdl.SGD([logits], lr=1.0)
    before = logits.numpy().tolist()
    xdl.set_checks("deferred")
    for _ in range(2):
        xdl.softmax_cross_entropy(logits, labels).backward()
        optimizer.update()

    with pytest.raises(xdl.LabelError, match="step 1 of"):
        logits.numpy()

    assert before == logits.numpy().tolist()


@pytest.mark.gpu
def test_a_deferred_index_error_names_the_index():
    xdl.set_checks("deferred")
    x, index = xdl.Variable([1.0, 2.0]), xdl.Variable([0, 5])
    y = xdl.take(x, index)

    with pytest.raises(xdl.IndexRangeError, match="index 5 is out of bounds"):
        y.numpy()


@pytest.mark.gpu
@pytest.mark.parametrize(
    "read",
    [
        lambda v: v.item(),
        lambda v: v.numpy(),
        lambda v: float(v),
        lambda v: repr(v),
        lambda v: bool(v),
        lambda v: v.to("cpu"),
        lambda v: f"{v:.3f}",
        lambda v: xdl.Variable(np.zeros((0, 2), "float32")).numpy(),
        lambda v: copy.deepcopy(v).numpy(),
        lambda v: pickle.dumps(v),
    ],
)
def test_every_read_of_a_value_hears_of_deferred_checks(read):
    _, _, step = _two()
    xdl.set_checks("deferred")
    step(np.nan)

    with pytest.raises(xdl.NonFiniteError, match="step 1 of"):
        read(xdl.Variable(1.0))


@pytest.mark.gpu
def test_the_end_of_deferring_hears_of_what_failed():
    weights, _, step = _two()
    xdl.set_checks("deferred")
    step(np.nan)

    with pytest.raises(xdl.NonFiniteError, match="step 1 of"):
        xdl.set_checks("immediate")

    step()
    assert not checks.deferred()


@pytest.mark.gpu
def test_saving_hears_of_deferred_checks(tmp_path):
    weights, optimizer, step = _two()
    xdl.set_checks("deferred")
    step(np.nan)

    with pytest.raises(xdl.NonFiniteError, match="step 1 of"):
        xdl.save(tmp_path / "file", optimizer=optimizer)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.gpu
@pytest.mark.parametrize("wrong", [None, np.nan])
def test_of_many_deferred_checks_that_which_failed_is_kept(wrong):
    weights, _, step = _two()
    table = weights[0].reshape(1, 2)
    xdl.set_checks("deferred")
    step()
    step(wrong)
    for _ in range(checks.MOST + 1):
        xdl.embedding(xdl.Variable([0]), table)
    asked = len(checks.of_context().asked)

    if wrong is not None:
        with pytest.raises(xdl.NonFiniteError, match='"v".*step 2 of'):
            weights[0].numpy()

    assert asked < checks.MOST
    assert checks.waiting() is None or wrong is None


@pytest.mark.gpu
def test_an_optimizer_without_a_kernel_checks_at_once_though_deferred():
    w = xdl.Variable([1.0])
    optimizer = xdl.optim.LAMB([w])
    xdl.set_checks("deferred")
    w.grad = np.array([np.nan], "float32")

    with pytest.raises(xdl.NonFiniteError):
        optimizer.update()


@pytest.mark.gpu
def test_a_subclass_that_changes_otherwise_is_not_changed_together():
    class Halving(xdl.SGD):
        def change(self, xp, value, grad):
            value *= 0.5

    w = xdl.Variable([2.0])
    w.grad = [1.0]
    Halving([w]).update()

    assert [1.0] == w.numpy().tolist()


@counted
@pytest.mark.gpu
@pytest.mark.parametrize("count", [1, 60])
@pytest.mark.parametrize("name", WITH_KERNEL)
def test_a_step_takes_few_launches_however_many_weights(name, count):
    weights = [xdl.Variable([1.0, 2.0]) for _ in range(count)]
    optimizer = MAKES[name](weights)
    for _ in range(2):
        for weight in weights:
            weight.grad = np.ones(2, "float32")
        with watching() as seen:
            optimizer.update()

    assert seen.counts["launch"] <= 3
    assert seen.counts["wait"] == 1


@counted
@pytest.mark.gpu
@pytest.mark.parametrize(("when", "waits"), [("immediate", 1), ("deferred", 0)])
def test_a_step_on_data_from_the_host_waits_for_one_answer_or_none(when, waits):
    model = xdl.LinearModel(4, 3)
    optimizer = xdl.SGD(model.parameter)
    x, labels = np.ones((2, 4), "float32"), np.array([0, 2])
    xdl.set_checks(when)
    for _ in range(3):
        with watching() as seen:
            model.forward(x)
            model.loss(labels)
            model.backward()
            optimizer.update()

    assert waits == seen.counts["wait"]
