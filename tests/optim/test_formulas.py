"""Optimizers that PyTorch lacks beside their papers; options that the others have."""

import numpy as np
import pytest

from xdl import SGD, ArgumentError, Variable, optim


def _paper_lion(w, gradients, lr, beta1, beta2, decay):
    m = np.zeros_like(w)
    for g in gradients:
        c = beta1 * m + (1 - beta1) * g
        w = w - lr * (np.sign(c) + decay * w)
        m = beta2 * m + (1 - beta2) * g
    return w


def _paper_lamb(w, gradients, lr, beta1, beta2, decay, eps=1e-6):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        r = m_hat / (np.sqrt(v_hat) + eps)
        u = r + decay * w
        w = w - lr * np.linalg.norm(w) / np.linalg.norm(u) * u
    return w


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.5, 0.25)])
@pytest.mark.parametrize(
    ("make", "paper"), [(optim.Lion, _paper_lion), (optim.LAMB, _paper_lamb)]
)
def test_20_steps_follow_the_paper(make, paper, betas, decay, rng):
    start, gradients = rng.normal(size=(5, 3)), rng.normal(size=(20, 5, 3))
    weight = Variable(start)
    optimizer = make([weight], lr=0.05, betas=betas, weight_decay=decay)

    expected = paper(start, gradients, 0.05, *betas, decay)
    for grad in gradients:
        weight.grad = grad
        optimizer.update()

    np.testing.assert_allclose(weight.numpy(), expected, 1e-12, 1e-14)


def test_lamb_steps_without_a_scale_from_a_weight_of_zeros():
    weight = Variable([0.0, 0.0])
    weight.grad = [3.0, -1.0]

    optim.LAMB([weight], lr=0.5).update()

    np.testing.assert_allclose(weight.numpy(), [-0.5, 0.5], 1e-5)


def test_muon_makes_the_singular_values_of_its_step_about_1(rng):
    weight = Variable(np.zeros((6, 4)))
    weight.grad = rng.normal(size=(6, 4))

    optim.Muon([weight], lr=1.0, weight_decay=0.0).update()

    singular = np.linalg.svd(weight.numpy(), compute_uv=False)
    assert 0.6 < singular.min() < singular.max() < 1.3


@pytest.mark.parametrize(
    ("adjust", "scale"), [("original", 2.0), ("match_rms_adamw", 0.8)]
)
def test_muon_scales_its_step_by_outputs_over_inputs(adjust, scale, rng):
    grad = rng.normal(size=(4, 16))
    weight = Variable(np.zeros((4, 16)))
    weight.grad = grad
    optimizer = optim.Muon([weight], 1.0, weight_decay=0.0, adjust_lr_fn=adjust)

    optimizer.update()

    singular = np.linalg.svd(weight.numpy(), compute_uv=False)
    assert 0.6 * scale < singular.min() < singular.max() < 1.3 * scale


@pytest.mark.parametrize("shape", [(3,), (), (2, 3, 4)])
def test_muon_refuses_what_is_no_matrix(shape):
    with pytest.raises(ArgumentError, match=r"Muon: Variable has shape .* two axes"):
        optim.Muon([Variable(np.zeros((2, 2))), Variable(np.zeros(shape))])


def test_centered_rmsprop_takes_a_variance_below_0_as_0():
    weight = Variable([1.0])
    optimizer = optim.RMSprop([weight], centered=True, alpha=0.0, lr=1e-9)
    weight.grad = [0.1]

    optimizer.update()

    assert np.isfinite(weight.item())


@pytest.mark.parametrize(
    ("make", "option", "value"),
    [
        (SGD, "momentum", 0.9),
        (optim.RMSprop, "momentum", 0.9),
        (optim.RMSprop, "centered", True),
        (optim.Adam, "amsgrad", True),
    ],
)
def test_an_option_that_needs_state_cannot_be_switched_on_later(make, option, value):
    optimizer = make([Variable([1.0])])

    with pytest.raises(ArgumentError, match=f"{option}: .* needed it at construction"):
        setattr(optimizer, option, value)

    assert not getattr(optimizer, option)


@pytest.mark.parametrize(
    ("make", "options", "off"),
    [
        (SGD, {"momentum": 0.9}, {"momentum": 0.0}),
        (optim.RMSprop, {"momentum": 0.9}, {"momentum": 0.0}),
        (optim.RMSprop, {"centered": True}, {"centered": False}),
        (optim.Adam, {"amsgrad": True}, {"amsgrad": False}),
    ],
)
def test_an_option_that_is_switched_off_no_longer_counts(make, options, off, rng):
    gradients = rng.normal(size=(4, 3))
    weight, plain = Variable(np.ones(3)), Variable(np.ones(3))
    optimizer, reference = make([weight], **options), make([plain])

    for name, value in off.items():
        setattr(optimizer, name, value)
    for grad in gradients:
        weight.grad = plain.grad = grad
        optimizer.update()
        reference.update()

    assert plain.numpy().tolist() == weight.numpy().tolist()


def test_adam_corrects_the_bias_in_double_precision():
    weight = Variable([0.0])
    weight.grad = [1.0]

    optim.Adam([weight], lr=1.0, betas=(0.9, 0.9999999)).update()

    np.testing.assert_allclose(weight.item(), -1.0, 1e-6)


def test_radam_with_a_short_memory_never_divides(rng):
    grad = rng.normal(size=3)
    weight = Variable(np.zeros(3))
    optimizer = optim.RAdam([weight], lr=1.0, betas=(0.0, 0.5))

    for _ in range(10):
        weight.grad = grad
        optimizer.update()

    np.testing.assert_allclose(weight.numpy(), -10 * grad, 1e-12)


def test_the_accumulator_of_adagrad_starts_where_it_is_told():
    optimizer = optim.Adagrad([Variable([1.0])], initial_accumulator_value=0.5)

    assert 0.5 == optimizer.state["square_sum/0"].item()
