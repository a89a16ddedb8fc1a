"""What holds for every optimizer: in place, atomic, saved, moved, on any backend."""

import contextlib

import numpy as np
import pytest

import xdl
from tests.optim.every import EVERY, every_optimizer
from tests.support.faults import fault
from xdl import ArgumentError, CheckpointError, GraphError, NonFiniteError, Variable

STEPS = 8


def _weights(rng, dtype="float32"):
    return [Variable(rng.normal(size=shape), dtype=dtype) for shape in [(4, 3), (2, 5)]]


def _train(optimizer, weights, steps=STEPS):
    """Take steps down a bowl, and return the weights."""
    for _ in range(steps):
        for weight in weights:
            weight.grad = 2 * weight.numpy() + 0.5
        optimizer.update()
    return [weight.numpy() for weight in weights]


def _same(first, second):
    return [a.tobytes() for a in first] == [b.tobytes() for b in second]


@contextlib.contextmanager
def _strict():
    strict = pytest.importorskip(
        "tests.support.strict", reason="array-api-strict is missing"
    )
    yield strict.CPU


@every_optimizer
def test_training_brings_the_loss_down(make, rng):
    weights = _weights(rng)
    before = sum(float((w.numpy() + 0.25).__pow__(2).sum()) for w in weights)

    _train(make(weights, lr=0.01), weights, 50)

    assert before > sum(float((w.numpy() + 0.25).__pow__(2).sum()) for w in weights)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@every_optimizer
def test_updates_are_in_place_and_keep_the_dtype(make, dtype, rng):
    weights = _weights(rng, dtype)
    buffers = [weight.value for weight in weights]
    before = [weight.numpy() for weight in weights]

    after = _train(make(weights, lr=0.1), weights)

    assert [True, True] == [w.value is b for w, b in zip(weights, buffers, strict=True)]
    assert [dtype, dtype] == [array.dtype.name for array in after]
    assert not np.isnan(after[0]).any()
    assert not _same(before, after)


@every_optimizer
def test_16_bit_weights_follow_those_of_32_bits(make, rng):
    wide, short = _weights(rng), []
    for weight in wide:
        weight.value = weight.numpy().astype(np.float16)
        short.append(Variable(weight.numpy(), dtype="float16"))

    expected = _train(make(wide, lr=0.01), wide)
    actual = _train(make(short, lr=0.01), short)

    np.testing.assert_allclose(actual[0], expected[0], 0, 0.01)


@every_optimizer
def test_a_gradient_of_zeros_gives_no_nan(make):
    weight = Variable(np.zeros((2, 2)))
    weight.grad = np.zeros((2, 2))

    make([weight]).update()

    assert [[0.0, 0.0], [0.0, 0.0]] == weight.numpy().tolist()


@every_optimizer
def test_a_weight_of_no_elements_is_taken(make):
    weight = Variable(np.zeros((0, 3)))
    weight.grad = np.zeros((0, 3))

    make([weight]).update()

    assert (0, 3) == weight.shape


@every_optimizer
def test_the_gradient_stays_as_it_was(make, rng):
    weight = Variable(rng.normal(size=(3, 4)))
    grad = rng.normal(size=(3, 4))
    weight.grad = grad

    make([weight]).step()

    assert grad.tolist() == weight.grad.tolist()


@every_optimizer
def test_each_weight_counts_its_own_steps(make, rng):
    first, late = _weights(rng)
    alone = Variable(late)
    optimizer, reference = make([first, late]), make([alone])
    _train(optimizer, [first])

    late.grad = alone.grad = np.ones(late.shape)
    optimizer.update()
    reference.update()

    assert alone.numpy().tolist() == late.numpy().tolist()


@every_optimizer
def test_what_is_frozen_stays(make, rng):
    weight, frozen = _weights(rng)
    optimizer = make([weight, frozen])
    frozen.trainable = False
    before = frozen.numpy()

    _train(optimizer, [weight])

    assert before.tolist() == frozen.numpy().tolist()


@every_optimizer
def test_training_goes_on_from_a_saved_state_to_the_bit(make, rng):
    straight = _weights(rng)
    optimizer = make(straight, lr=0.02)
    _train(optimizer, straight)
    resumed = [Variable(weight) for weight in straight]
    second = make(resumed, lr=0.5)

    second.load_state_dict(optimizer.state_dict())

    assert 0.02 == second.lr
    assert _same(_train(optimizer, straight), _train(second, resumed))


@every_optimizer
def test_state_is_constant_and_made_at_construction(make, rng):
    optimizer = make(_weights(rng))

    assert len(optimizer.state) == 2 * len(optimizer.state_names) > 0
    assert {False} == {variable.trainable for variable in optimizer.state.values()}


@every_optimizer
def test_on_another_backend_the_numbers_are_the_same(make, rng):
    here, there = _weights(rng), []
    expected = _train(make(here, lr=0.1), here)
    rng = np.random.default_rng(0)

    with _strict() as device:
        there = [weight.to(device) for weight in _weights(rng)]
        actual = _train(make(there, lr=0.1), there)

    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-5, 1e-6)


@pytest.mark.parametrize("lr", [np.nan, np.inf, -1, "0.1", True, None, np.array([0.1])])
@every_optimizer
def test_fault_36_a_wrong_learning_rate_is_refused(make, lr):
    weight = Variable([[1.0]])
    optimizer = make([weight], lr=0.5)

    with pytest.raises(ArgumentError, match=r"\.lr: .* needed a number in \[0, inf\)"):
        make([weight], lr=lr)
    with pytest.raises(ArgumentError, match=r"\.lr: "):
        optimizer.lr = lr
    assert 0.5 == optimizer.lr


WRONG = [
    *[(name, "weight_decay", v) for name in EVERY for v in (np.nan, -0.1, "0", None)],
    *[
        (name, "betas", value)
        for name in ("Adam", "AdamW", "NAdam", "RAdam", "Lion", "LAMB")
        for value in ((0.9, 1.0), (-0.1, 0.9), (0.9,), 0.9, None, (0.9, np.nan), "ab")
    ],
    *[
        (name, "eps", value)
        for name in EVERY
        if name not in ("SGD", "Lion")
        for value in (0, -1, np.inf)
    ],
    *[(n, "momentum", v) for n in ("SGD", "RMSprop", "Muon") for v in (-1, 1.0, 1.5)],
    ("RMSprop", "alpha", 1.0),
    ("RMSprop", "centered", "yes"),
    ("Adagrad", "lr_decay", -1),
    ("Adagrad", "initial_accumulator_value", -1),
    ("Adadelta", "rho", 1.0),
    ("Adam", "amsgrad", 1),
    ("NAdam", "momentum_decay", -1),
    ("Muon", "ns_steps", 0),
    ("Muon", "ns_steps", 2.0),
    ("Muon", "ns_coefficients", (1.0, 2.0)),
    ("Muon", "ns_coefficients", (1.0, 2.0, np.inf)),
    ("Muon", "adjust_lr_fn", "other"),
]


@pytest.mark.parametrize(("name", "option", "value"), WRONG)
def test_fault_37_an_option_out_of_its_range_is_refused_at_any_time(
    name, option, value
):
    make = EVERY[name]
    optimizer = make([Variable([[1.0]])])
    before = getattr(optimizer, option)

    with pytest.raises(ArgumentError, match=rf"{name}\.{option}.*needed"):
        make([Variable([[1.0]])], **{option: value})
    with pytest.raises(ArgumentError, match=rf"{name}\.{option}.*needed"):
        setattr(optimizer, option, value)
    assert before == getattr(optimizer, option)


@pytest.mark.parametrize("source", [[], [np.ones((2, 2))], np.ones((2, 2)), None])
@every_optimizer
def test_fault_38_what_holds_no_variables_is_refused(make, source):
    with pytest.raises(ArgumentError, match="trainable|needed a"):
        make(source)


@every_optimizer
def test_fault_38_a_variable_twice_is_refused_and_a_generator_taken(make):
    weight = Variable([[1.0]])
    optimizer = make(variable for variable in [weight])

    _train(optimizer, [weight], 2)

    assert 1.0 != weight.item()
    with pytest.raises(ArgumentError, match="came twice"):
        make([weight, weight])


@every_optimizer
def test_fault_39_no_gradient_at_all_is_refused(make):
    with pytest.raises(GraphError, match="no Variable has a gradient"):
        make([Variable([[1.0]])]).step()


@fault(40, np.nan, np.inf, -np.inf)
@every_optimizer
def test_a_gradient_that_is_not_finite_changes_nothing(make, case, rng):
    weights = _weights(rng)
    optimizer = make(weights)
    _train(optimizer, weights)
    state = optimizer.state_dict()["state"]
    before = [weight.numpy() for weight in weights]
    weights[0].grad = np.ones(weights[0].shape)
    weights[1].grad = np.full(weights[1].shape, case)

    with pytest.raises(NonFiniteError, match="no weight was changed"):
        optimizer.step()

    after = optimizer.state_dict()["state"]
    assert _same(before, [weight.numpy() for weight in weights])
    assert _same(state.values(), after.values())


def _without_lr(saved):
    del saved["hyperparameters"]["lr"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: s.pop("state"), "needed a dict of hyperparameters and state"),
        (_without_lr, "missing 'lr'"),
        (lambda s: s["hyperparameters"].update(lr=-1), "lr: -1.0 came"),
        (lambda s: s["hyperparameters"].update(odd=1), "unknown 'odd'"),
        (lambda s: s.update(hyperparameters=3), "int came, needed a dict"),
        (lambda s: s["state"].update(odd=np.ones(1)), "unknown 'odd'"),
        (lambda s: s["state"].popitem(), "missing"),
    ],
)
@every_optimizer
def test_a_saved_state_that_does_not_fit_is_refused_whole(make, spoil, said, rng):
    weights = _weights(rng)
    optimizer = make(weights, lr=0.5)
    saved = make(weights, lr=0.25).state_dict()
    _train(optimizer, weights)
    before = optimizer.state_dict()["state"]
    spoil(saved)

    with pytest.raises(CheckpointError, match=said):
        optimizer.load_state_dict(saved)

    assert 0.5 == optimizer.lr
    assert _same(before.values(), optimizer.state_dict()["state"].values())


def test_what_is_loaded_must_be_a_dict():
    with pytest.raises(CheckpointError, match="SGD.load_state_dict: list came"):
        xdl.SGD([Variable([1.0])]).load_state_dict([])
