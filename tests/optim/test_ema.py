"""EMA: averages of weights, swapped in and out."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, CheckpointError, Variable
from xdl.optim import EMA


def test_averages_start_as_copies_and_move_towards_the_weights():
    weight = Variable([1.0])
    ema = EMA([weight], decay=0.75)
    start = ema.average["0"].item()

    weight.value = [2.0]
    ema.update()

    assert (1.0, 1.25) == (start, ema.average["0"].item())
    assert not ema.average["0"].trainable


def test_a_weight_that_rests_has_itself_as_its_average(rng):
    weight = Variable(rng.normal(size=100), dtype="float32")
    ema = EMA([weight], decay=0.999)

    for _ in range(100):
        ema.update()

    assert weight.numpy().tolist() == ema.average["0"].numpy().tolist()


def test_small_moves_of_16_bit_weights_are_not_lost():
    weight = Variable(np.ones(1, np.float16))
    ema = EMA([weight], decay=0.999)
    weight.value = [1.5]

    ema.update()

    np.testing.assert_allclose(ema.average["0"].item(), 1.0005, 1e-6)


def test_weights_are_swapped_in_place_and_come_back_to_the_bit(rng):
    parameter = xdl.Parameter()
    weight = parameter.register("w", Variable(rng.normal(size=5)))
    frozen = parameter.register("f", Variable(rng.normal(size=5), trainable=False))
    ema = EMA(parameter, decay=0.5)
    weight.value, frozen.value = rng.normal(size=(2, 5))
    ema.update()
    buffer, before = weight.value, parameter.state_dict()

    with ema.swapped():
        inside = parameter.state_dict()
        address = weight.value is buffer

    averages = ema.average.state_dict()
    assert {k: v.tolist() for k, v in averages.items()} == {
        k: v.tolist() for k, v in inside.items()
    }
    assert address
    assert weight.value is buffer
    after = parameter.state_dict()
    assert [before[k].tobytes() for k in before] == [after[k].tobytes() for k in after]


def test_weights_come_back_after_an_exception():
    weight = Variable([1.0])
    ema = EMA([weight], decay=0.5)
    weight.value = [2.0]

    with pytest.raises(KeyError), ema.swapped():
        raise KeyError

    assert (2.0, 1.0) == (weight.item(), ema.average["0"].item())


def test_swapping_twice_changes_nothing_more():
    weight = Variable([1.0])
    ema = EMA([weight])
    weight.value = [2.0]

    with ema.swapped():
        with ema.swapped():
            inner = weight.item()
        outer = weight.item()

    assert (1.0, 1.0, 2.0) == (inner, outer, weight.item())


def test_a_weight_that_comes_later_is_averaged_too():
    parameter = xdl.Parameter()
    parameter.register("w", Variable([1.0]))
    ema = EMA(parameter, decay=0.5)

    late = parameter.register("late", Variable([1.0]))
    ema.update()
    late.value = [3.0]
    ema.update()

    assert 2.0 == ema.average["late"].item()


def test_integers_are_not_averaged():
    ema = EMA([Variable([1.0]), Variable([1, 2])])

    assert ["0"] == list(ema.average)


def test_averages_and_their_decay_are_saved_and_loaded():
    first, second = EMA([Variable([1.0])], decay=0.5), EMA([Variable([5.0])])

    second.load_state_dict(first.state_dict())

    assert (1.0, 0.5) == (second.average["0"].item(), second.decay)


def test_a_saved_state_of_averages_that_does_not_fit_is_refused_whole():
    ema = EMA([Variable([1.0])], decay=0.5)
    saved = EMA([Variable([5.0]), Variable([6.0])]).state_dict()
    saved["hyperparameters"]["decay"] = 2.0

    with pytest.raises(
        CheckpointError, match=r"^EMA.load_state_dict: decay: 2.0 came.*unknown '1'$"
    ):
        ema.load_state_dict(saved)

    assert (1.0, 0.5) == (ema.average["0"].item(), ema.decay)


@pytest.mark.parametrize("decay", [1.0, -0.1, np.nan, "0.9", None, True])
def test_a_wrong_decay_is_refused_at_any_time(decay):
    ema = EMA([Variable([1.0])], decay=0.5)

    with pytest.raises(ArgumentError, match="EMA.decay: .* needed a number in"):
        EMA([Variable([1.0])], decay=decay)
    with pytest.raises(ArgumentError, match="EMA.decay"):
        ema.decay = decay
    assert 0.5 == ema.decay
