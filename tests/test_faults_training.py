"""Bad input in training; the numbers go on from ``test_faults_backward.py``."""

import multiprocessing
import subprocess
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest

import xdl
from tests.support.faults import fault
from xdl import (
    SGD,
    ArgumentError,
    CheckpointError,
    DeviceError,
    GraphError,
    LinearModel,
    NonFiniteError,
    ShapeError,
    Variable,
)


@fault(36, np.nan, np.inf, -np.inf, -1, "0.1", True, None, np.array([0.1]), [0.1])
def test_a_wrong_learning_rate_is_refused_at_construction_and_when_it_is_set(case):
    optimizer = SGD([Variable([1.0])], lr=0.5)

    with pytest.raises(
        ArgumentError, match=r"SGD.lr: .* needed a number in \[0, inf\)"
    ):
        SGD([Variable([1.0])], lr=case)
    with pytest.raises(ArgumentError, match="SGD.lr"):
        optimizer.lr = case
    assert 0.5 == optimizer.lr


@fault(
    37,
    {"momentum": -1},
    {"momentum": 1.0},
    {"momentum": 1.5},
    {"weight_decay": np.nan},
    {"weight_decay": -0.1},
    {"nesterov": True},
)
def test_other_hyperparameters_out_of_their_range_are_refused(case):
    with pytest.raises(ValueError, match="SGD"):
        SGD([Variable([1.0])], **case)


SHARED = Variable([1.0])


@fault(38, [], [SHARED, SHARED], [np.ones(2)], np.ones(2), SHARED, {}, [Variable([1])])
def test_an_optimizer_without_variables_to_train_is_refused(case):
    with pytest.raises((ValueError, TypeError), match="SGD: "):
        SGD(case)


@fault(
    38, lambda w: (v for v in [w]), lambda w: {"w": w}.values(), lambda w: iter((w,))
)
def test_an_optimizer_takes_what_can_be_walked_only_once(case):
    w = Variable([1.0])
    optimizer = SGD(case(w), lr=0.25)

    for _ in range(2):
        (w * 1).backward()
        optimizer.update()

    assert 0.5 == w.item()


@fault(39, {}, {"momentum": 0.5})
def test_a_step_skips_what_has_no_gradient_and_needs_one_at_least(case):
    used, unused = Variable([1.0]), Variable([1.0])
    optimizer = SGD([used, unused], lr=0.5, **case)

    (used * 1).backward()
    optimizer.update()

    assert (0.5, 1.0) == (used.item(), unused.item())
    with pytest.raises(GraphError, match="no Variable has a gradient"):
        optimizer.update()


@fault(
    50,
    ({}, ["missing 'weight'"]),
    ({"weight": "good", "extra": np.ones(1)}, ["unknown 'extra'"]),
    (
        {"weight": np.ones((3, 2), np.float32)},
        ["'weight' has shape (3, 2), needed (2, 3)"],
    ),
    ({"weight": np.ones((2, 3))}, ["'weight' is float64, needed float32"]),
    ({"weight": np.full((2, 3), np.nan, np.float32)}, ["'weight' holds NaN"]),
    ({"w": 1, "weight": np.ones(3)}, ["unknown 'w'", "has shape (3,)", "is float64"]),
    names=("state", "said"),
)
def test_a_state_that_does_not_fit_is_refused_whole(state, said):
    model = LinearModel(2, 3)
    before = model.W.numpy()
    if state.get("weight") is not None and isinstance(state["weight"], str):
        state = {**state, "weight": before + 1}

    with pytest.raises(CheckpointError) as caught:
        model.parameter.load_state_dict(state)

    assert [] == [text for text in said if text not in str(caught.value)]
    assert before.tolist() == model.W.numpy().tolist()


def _train(seed):
    """Train a model from a seed and return its weights as bytes."""
    xdl.seed(seed)
    rng = np.random.default_rng(seed)
    model = LinearModel(5, 3)
    optimizer = SGD(model, lr=0.1, momentum=0.9)
    for _ in range(200):
        model.forward(rng.standard_normal((4, 5)))
        model.loss(rng.integers(0, 3, 4))
        model.backward()
        optimizer.update()
    return model.W.numpy().tobytes()


@fault(54, 2, 4)
def test_threads_train_models_as_they_train_alone(case):
    serial = [_train(seed) for seed in range(case)]
    threaded = [None] * case

    def work(seed):
        threaded[seed] = _train(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(case)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert serial == threaded


@fault(56, xdl.no_grad, lambda: xdl.use_device("cpu"))
def test_an_exception_in_a_block_leaves_no_state_and_no_memory(case):
    x = Variable([1.0, 2.0])

    def fail():
        y = xdl.exp(x)
        refs.append(weakref.ref(y))
        raise KeyError

    refs = []
    try:
        with case():
            fail()
    except KeyError:
        pass

    assert refs[0]() is None
    (x * x).sum().backward()
    assert [2.0, 4.0] == x.grad.tolist()


@fault(56, lambda x: x + np.ones(3), lambda x: xdl.reshape(x, 5), lambda x: x[5])
def test_a_refused_operation_leaves_nothing_behind(case):
    x = Variable([1.0, 2.0])
    hidden = xdl.tanh(x)
    alive = weakref.ref(hidden)

    with pytest.raises((ShapeError, TypeError, IndexError)):
        case(hidden)
    del hidden

    assert alive() is None


@fault(58, "fork", "spawn")
def test_a_worker_process_trains_as_this_one_does(case):
    here = _train(1)

    with warnings.catch_warnings():
        # Python warns of a fork in a process that has threads; xdl keeps none.
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context(case).Pool(1) as pool:
            there = pool.apply(_train, (1,))

    assert here == there


@fault(
    61,
    lambda: xdl.softmax_cross_entropy(np.zeros((3, 2)), [0, 1]),
    lambda: xdl.square_error(np.zeros((3, 2)), np.zeros((2, 2))),
    lambda: xdl.mean_squared_error(np.zeros(3), np.zeros(2)),
)
def test_targets_of_another_length_are_refused_with_both(case):
    with pytest.raises(ValueError, match=r"\(3.*\(2|\(2.*\(3"):
        case()


@fault(63, "import xdl", "import xdl.nn, xdl.optim, xdl.models, xdl.testing")
def test_import_needs_no_optional_library(case):
    block = (
        "import sys\nfor name in ('cupy', 'mpi4py', 'tqdm'): sys.modules[name] = None\n"
    )

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", block + case], check=False
    )

    assert 0 == run.returncode


@fault(63, xdl.use_device, Variable([1.0]).to, xdl.nn.Linear(1, 1).to)
def test_a_gpu_without_cupy_is_refused_with_how_to_get_it(case, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "xdl.backend.cupy", raising=False)

    with pytest.raises(DeviceError, match=r"cuda:0 came, .*xdl\[cuda\]"):
        case("cuda")


# Underflow to 0 is the right result of an exponential, and no fault.
LOUD = {"divide": "raise", "over": "raise", "invalid": "raise"}


@fault(69, "float32", "float64")
def test_training_passes_with_every_warning_and_floating_point_error_raised(case):
    parameter = xdl.Parameter()
    w = parameter.get_variable("w", [2, 2], np.ones, dtype=case)
    optimizer = SGD(parameter, lr=0.1)

    with warnings.catch_warnings(), np.errstate(**LOUD):
        warnings.simplefilter("error")
        for _ in range(3):
            scores = np.array([[1000.0, -1000.0], [1000.0, 1000.0]]) @ w
            xdl.softmax_cross_entropy(scores, [0, 1]).backward()
            optimizer.update()

    assert np.isfinite(w.numpy()).all()


@fault(69, [0.0, 1e-30], [88.8, -200.0], [np.inf, -np.inf])
@pytest.mark.parametrize(
    "name", ["exp", "expm1", "sigmoid", "tanh", "softmax", "logsumexp"]
)
def test_extreme_numbers_pass_with_every_floating_point_error_raised(name, case):
    x = Variable(case)

    with np.errstate(**LOUD):
        y = getattr(xdl, name)(x)
        y.sum().backward()

    assert x.shape == x.grad.shape


@fault(9, np.nan, np.inf)
def test_debug_mode_refuses_a_loss_that_is_not_a_number(case):
    model = LinearModel(1, 2)
    before = model.W.numpy()
    xdl.set_debug(True)

    try:
        with pytest.raises(NonFiniteError):
            model.forward([[case]])
            model.loss([0])
    finally:
        xdl.set_debug(False)

    assert before.tolist() == model.W.numpy().tolist()
