"""Parameter groups: parts of the weights with options of their own."""

import copy

import numpy as np
import pytest

import xdl
from tests.optim.every import EVERY, every_optimizer
from xdl import ArgumentError, CheckpointError, Variable, optim
from xdl.nn import Linear, Sequential

X = np.linspace(-1.0, 1.0, 12, dtype="f4").reshape(4, 3)


def _model():
    return Sequential(*[Linear(3, 3, bias=False) for _ in range(3)])


def _step(model, *optimizers):
    loss = xdl.sum(xdl.square(model(X) - 3.0))
    loss.backward()
    for optimizer in optimizers:
        optimizer.update()
    return loss


def _groups(model):
    first, second, third = model.layers
    return [
        {"params": first, "lr": 0.001},
        {"params": [second.weight], "weight_decay": 0.5},
        {"params": third.parameter},
    ]


def _same_weights(model, twin):
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, twin.parameter[name].numpy())


@every_optimizer
def test_groups_train_as_optimizers_of_their_own(make):
    model, twin = _model(), _model()
    twin.load_state_dict(model.state_dict())
    has_decay = "weight_decay" in make(Linear(2, 2, bias=False)).ranges
    groups = [
        {"params": model.layers[0], "lr": 0.001},
        {"params": model.layers[1], **({"weight_decay": 0.5} if has_decay else {})},
        {"params": model.layers[2]},
    ]
    whole = make(groups, lr=0.01)
    first, second, third = twin.layers
    apart = [
        make(first, lr=0.001),
        make(second, lr=0.01, **({"weight_decay": 0.5} if has_decay else {})),
        make(third, lr=0.01),
    ]

    for _ in range(4):
        _step(model, whole)
        _step(twin, *apart)

    _same_weights(model, twin)
    assert model.layers[0].weight.grad is None


def test_an_option_that_a_group_does_not_name_is_that_of_the_whole():
    model = _model()
    optimizer = optim.AdamW(_groups(model), lr=0.02, betas=(0.5, 0.9))

    found = [(g.lr, g.weight_decay, g.betas) for g in optimizer.param_groups]

    beta = (0.5, 0.9)
    assert [(0.001, 0.01, beta), (0.02, 0.5, beta), (0.02, 0.01, beta)] == found


def test_an_optimizer_without_groups_is_its_only_group():
    optimizer = optim.Adam(_model())

    assert [optimizer] == optimizer.param_groups


def test_groups_may_have_state_of_their_own():
    model = _model()
    first, *rest = model.layers
    groups = [{"params": first, "momentum": 0.9}, {"params": [r.weight for r in rest]}]

    optimizer = xdl.SGD(groups, lr=0.01)
    _step(model, optimizer)

    assert ["0/velocity/weight"] == list(optimizer.state)


def test_setting_the_lr_of_the_whole_changes_all_in_proportion():
    optimizer = xdl.SGD(_groups(_model()), lr=0.1)
    optimizer.param_groups[1].lr = 0.05

    optimizer.lr = 0.2
    optimizer.lr = 0.0
    optimizer.lr = 0.4
    optimizer.weight_decay = 0.25

    found = [(group.lr, group.weight_decay) for group in optimizer.param_groups]
    np.testing.assert_allclose(found, [(0.004, 0.25), (0.2, 0.25), (0.4, 0.25)])


def test_a_refused_option_changes_no_group():
    groups = _groups(_model())
    groups[0]["momentum"] = groups[1]["momentum"] = 0.9
    optimizer = xdl.SGD(groups, lr=0.1)

    with pytest.raises(ArgumentError, match="needed it at construction"):
        optimizer.momentum = 0.5

    assert [0.9, 0.9, 0.0] == [group.momentum for group in optimizer.param_groups]


def test_a_schedule_sets_all_groups_and_checking_a_state_sets_none():
    optimizer = xdl.SGD(_groups(_model()), lr=0.1)
    schedule = optim.StepLR(optimizer, step_size=1, gamma=0.5)
    saved = {**schedule.state_dict(), "steps": 5}

    schedule.step()
    assert [] == schedule.misfits(saved)

    found = [group.lr for group in optimizer.param_groups]
    np.testing.assert_allclose(found, [0.0005, 0.05, 0.05])


@every_optimizer
def test_groups_are_saved_and_go_on_where_they_were(make, tmp_path):
    path = tmp_path / "groups.xdl"
    model, twin = _model(), _model()
    make_groups = [
        [
            {"params": m.layers[0], "lr": 0.03},
            {"params": [r.weight for r in m.layers[1:]]},
        ]
        for m in (model, twin)
    ]
    optimizer, other = (make(groups, lr=0.01) for groups in make_groups)
    _step(model, optimizer)
    optimizer.lr = 0.005
    _step(model, optimizer)

    xdl.save(path, model=model, optimizer=optimizer)
    xdl.load(path, model=twin, optimizer=other)
    for one, its in ((model, optimizer), (twin, other)):
        _step(one, its)
        its.lr = 0.02
        _step(one, its)

    _same_weights(model, twin)
    assert optimizer.state_dict()["hyperparameters"] == other.options() | {
        "groups": [{"share": g._share, **g.options()} for g in other.groups]
    }


@pytest.mark.parametrize("change", ["fewer", "none", "no share", "lr", "no list"])
def test_a_state_of_other_groups_is_refused_before_anything_changes(change):
    optimizer = optim.Adam(_groups(_model()), lr=0.01)
    before, saved = optimizer.state_dict(), copy.deepcopy(optimizer.state_dict())
    parts = saved["hyperparameters"]["groups"]
    if change == "fewer":
        parts.pop()
    elif change == "none":
        del saved["hyperparameters"]["groups"]
    elif change == "no share":
        del parts[1]["share"]
    elif change == "no list":
        saved["hyperparameters"]["groups"] = 3
    else:
        parts[1]["lr"] = -1.0

    with pytest.raises(CheckpointError, match=r"^Adam.load_state_dict: .*group"):
        optimizer.load_state_dict(saved)

    assert before["hyperparameters"] == optimizer.state_dict()["hyperparameters"]


def test_a_state_of_groups_is_refused_by_an_optimizer_without():
    saved = optim.Adam(_groups(_model())).state_dict()

    with pytest.raises(CheckpointError, match="3 groups came, needed 0"):
        optim.Adam(_model()).load_state_dict(saved)


def test_a_group_may_be_frozen_and_thawed():
    model = _model()
    model.layers[0].trainable = False
    optimizer = xdl.SGD(_groups(model), lr=0.01)
    before = model.state_dict()

    _step(model, optimizer)
    is_same = (before["layers/0/weight"] == model.layers[0].weight.numpy()).all()
    model.layers[0].trainable = True
    _step(model, optimizer)

    assert is_same
    assert (before["layers/0/weight"] != model.layers[0].weight.numpy()).any()


def test_a_weight_that_comes_late_is_of_the_group_of_its_model():
    body, head = Sequential(*[]), Linear(3, 3, bias=False)
    body.layers = []
    optimizer = xdl.SGD(
        [{"params": body, "lr": 0.0}, {"params": head, "momentum": 0.9}], lr=0.01
    )
    late = Linear(3, 3, bias=False)
    body.layers.append(late)
    before = late.weight.numpy(), head.weight.numpy()

    xdl.sum(xdl.square(head(body(X)) - 3.0)).backward()
    optimizer.update()

    assert (before[0] == late.weight.numpy()).all() and late.weight.grad is None
    assert (before[1] != head.weight.numpy()).all()
    assert "0/layers/0/weight" in optimizer.parameter


def test_a_gradient_that_is_not_finite_changes_no_group():
    model = _model()
    optimizer = optim.Adam(_groups(model), lr=0.01)
    before = model.state_dict()
    xdl.sum(model(X)).backward()
    model.layers[2].weight.grad = np.full((3, 3), np.inf, "f4")

    with pytest.raises(xdl.NonFiniteError, match='"weight"'):
        optimizer.update()

    assert all((before[n] == v).all() for n, v in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("executor", ["numpy", "numba"])
@pytest.mark.parametrize("name", ["SGD", "AdamW", "RMSprop"])
def test_a_compiled_step_reads_the_options_of_groups(name, executor):
    if executor == "numba":
        pytest.importorskip("numba")
    model, twin = _model(), _model()
    twin.load_state_dict(model.state_dict())
    pairs = [(m, EVERY[name](_groups(m), lr=0.01)) for m in (model, twin)]
    step = xdl.compile(lambda: _step(*pairs[0]), *pairs[0], executor=executor)

    for i in range(6):
        for _, optimizer in pairs:
            optimizer.param_groups[2].lr = 0.01 / (i + 1)
            if i > 3:
                optimizer.param_groups[0].weight_decay = 0.25
        step()
        _step(*pairs[1])

    for name, value in model.state_dict().items():
        np.testing.assert_allclose(value, twin.parameter[name].numpy(), 2e-4, 1e-6)


def test_the_gradients_of_groups_are_clipped_and_averaged_together():
    model = _model()
    optimizer = xdl.SGD(_groups(model), lr=0.01)
    xdl.sum(model(X)).backward()

    norm = optim.clip_grad_norm(optimizer, 1e-3).item()
    total = sum((weight.grad**2).sum() for weight in model.parameters()) ** 0.5

    assert norm > total
    assert 1e-3 == pytest.approx(total, rel=1e-2)
    assert 3 == len(optim.EMA(optimizer).average)


def test_named_parameters_give_the_state_its_names():
    model = _model()

    whole = optim.Adam(model.named_parameters())
    grouped = optim.Adam([{"params": list(model.named_parameters())[:2]}])

    assert "average/layers/2/weight" in whole.state
    assert "0/step/layers/1/weight" in grouped.state


SHARED = Variable([1.0], name="shared")


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([{"lr": 0.1}], r"group 0 is \['lr'\], needed a dict with \"params\""),
        ([{"params": [SHARED]}, SHARED], "group 1 is Variable, needed a dict"),
        ([{"params": [SHARED]}, {"params": SHARED}], '"shared" is in two groups'),
        ([{"params": [SHARED], "learning_rate": 1.0}], "it is called 'lr' here"),
        ([{"params": [SHARED], "lr": -1.0}], "SGD.lr: -1.0 came"),
        ([{"params": []}], "no trainable Variable came"),
        ([{"params": [("a", SHARED), ("a", Variable([1.0]))]}], '"a" came twice'),
        ([{"params": 3}], "int came, needed a Parameter"),
    ],
)
def test_groups_that_do_not_fit_are_refused(groups, said):
    with pytest.raises(ArgumentError, match=f"SGD: .*{said}|{said}"):
        xdl.SGD(groups)
