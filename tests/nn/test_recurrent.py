"""LSTM, GRU and RNN as layers."""

import numpy as np
import pytest

import xdl
from tests.ops.recurrent.references import REFERENCES

LAYERS = [xdl.nn.LSTM, xdl.nn.GRU, xdl.nn.RNN]
every_layer = pytest.mark.parametrize("layer_class", LAYERS)


def _states(state):
    """Return the last state as a list of NumPy arrays."""
    return [s.numpy() for s in (state if isinstance(state, tuple) else [state])]


def _sequence(rng, length=5, n=3, size=4):
    return rng.standard_normal((length, n, size)).astype("f4")


@every_layer
def test_two_halves_with_the_state_between_give_what_the_whole_gives(layer_class, rng):
    layer, x = layer_class(4, 3, layers=2), _sequence(rng)
    whole, last = layer(x)

    first, between = layer(x[:2])
    second, end = layer(x[2:], between)

    halves = np.concatenate([first.numpy(), second.numpy()])
    np.testing.assert_allclose(whole.numpy(), halves, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(_states(last), _states(end), rtol=1e-5, atol=1e-6)


@every_layer
def test_a_shorter_sequence_gives_what_it_gives_alone(layer_class, rng):
    layer, x = layer_class(4, 3, layers=2, bidirectional=True), _sequence(rng)
    alone, state_alone = layer(x[:2, 1:2])

    y, state = layer(x, lengths=[5, 2, 4])

    np.testing.assert_allclose(alone.numpy()[:, 0], y.numpy()[:2, 1], rtol=1e-5)
    assert not y.numpy()[2:, 1].any()
    np.testing.assert_allclose(
        np.concatenate(_states(state_alone))[:, 0],
        np.concatenate(_states(state))[:, 1],
        rtol=1e-5,
    )


@every_layer
def test_what_lies_past_the_length_gets_no_gradient(layer_class, rng):
    layer, x = layer_class(4, 3, bidirectional=True), xdl.Variable(_sequence(rng))

    y, _ = layer(x, lengths=[5, 2, 0])
    xdl.square(y).sum().backward()

    gradient = np.abs(x.grad).sum(axis=2) > 0
    expected = np.arange(5)[:, None] < [5, 2, 0]
    np.testing.assert_array_equal(expected, gradient)


@every_layer
def test_batch_first_swaps_the_first_two_axes(layer_class, rng):
    layer, x = layer_class(4, 3), _sequence(rng)
    expected = layer(x)[0].numpy().swapaxes(0, 1)
    layer.batch_first = True

    y, _ = layer(x.swapaxes(0, 1))

    np.testing.assert_array_equal(expected, y.numpy())


@every_layer
def test_the_last_output_is_the_last_state(layer_class, rng):
    y, state = layer_class(4, 3)(_sequence(rng))

    np.testing.assert_array_equal(y.numpy()[-1], _states(state)[0][0])


@every_layer
def test_every_weight_is_trained(layer_class, rng):
    layer = layer_class(4, 3, layers=2, bidirectional=True)

    y, _ = layer(_sequence(rng))
    xdl.square(y).mean().backward()

    assert [] == [name for name, v in layer.parameter.items() if v.grad is None]
    assert (5, 3, 6) == y.shape


def test_a_layer_without_bias_has_two_weights(rng):
    layer = xdl.nn.RNN(4, 3, bias=False, activation="relu")
    weights = [v.numpy() for v in layer.parameter.values()]
    x = _sequence(rng)

    y, _ = layer(x)

    expected = REFERENCES["Rnn"](
        x, np.zeros((3, 3)), *weights, bias=None, activation="relu"
    )
    assert ["weight_0", "hidden_weight_0"] == list(layer.parameter)
    np.testing.assert_allclose(expected[:-1], y.numpy(), rtol=1e-5, atol=1e-6)


def test_a_cell_gives_one_step_of_the_sequence(rng):
    x, h, c = rng.standard_normal((3, 2, 4))
    wide = [rng.standard_normal(s) for s in ((4, 16), (4, 16), 16, 16)]
    lstm, gru, rnn = [wide[:3], [w[..., :12] for w in wide], [w[..., :4] for w in wide]]

    last = [
        *xdl.lstm_cell(x, h, c, *lstm),
        xdl.gru_cell(x, h, *gru),
        xdl.rnn_cell(x, h, *rnn[:3]),
    ]

    expected = [
        *REFERENCES["Lstm"](x[None], h, c, *lstm)[1:],
        REFERENCES["Gru"](x[None], h, *gru)[1],
        REFERENCES["Rnn"](x[None], h, *rnn[:3])[1],
    ]
    np.testing.assert_allclose(expected, [v.numpy() for v in last], rtol=1e-12)


@every_layer
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda layer, x: layer(x[0]), "three axes"),
        (lambda layer, x: layer(x[..., :3]), "4 features"),
        (lambda layer, x: layer(x, lengths=[5, 2]), "3 lengths|do not broadcast"),
        (lambda layer, x: layer(x, (x, x, x)), "states of shapes"),
    ],
)
def test_what_does_not_fit_is_refused(layer_class, call, says, rng):
    with pytest.raises(xdl.ShapeError, match=says):
        call(layer_class(4, 3), _sequence(rng))


@every_layer
def test_an_array_of_integers_is_refused(layer_class):
    with pytest.raises(xdl.DtypeError, match="x is int64"):
        layer_class(4, 3)(np.ones((5, 3, 4), "i8"))


def test_integers_in_lists_are_numbers():
    y, _ = xdl.rnn([[[1]], [[2]]], [[0]], [[1]], [[3]], activation="relu")

    assert [[[1.0]], [[5.0]]] == y.numpy().tolist()


def test_no_layers_and_an_unknown_activation_are_refused():
    with pytest.raises(xdl.ArgumentError, match="0 layers"):
        xdl.nn.LSTM(4, 3, layers=0)
    with pytest.raises(xdl.ArgumentError, match="'sine'"):
        xdl.nn.RNN(4, 3, activation="sine")


def test_a_layer_names_its_sizes():
    expected = "GRU(4, 3, layers=2, bidirectional=True, batch_first=True, dropout=0.5)"

    assert expected == repr(xdl.nn.GRU(4, 3, 2, True, True, dropout=0.5))


@every_layer
def test_dropout_stands_between_the_layers(layer_class, rng):
    layer, x = layer_class(4, 3, layers=2, dropout=1.0), _sequence(rng)
    alone = layer_class(4, 3)
    for name, variable in alone.parameter.items():
        variable.value = layer.parameter[name].value
    first, _ = alone(x)
    for name, variable in alone.parameter.items():
        if not name.startswith("weight"):
            variable.value = layer.parameter[name.replace("_0", "_1")].value
    second, _ = alone(np.zeros_like(x))

    y, state = layer(x)

    np.testing.assert_array_equal(second.numpy(), y.numpy())
    np.testing.assert_array_equal(first.numpy()[-1], _states(state)[0][0])


@every_layer
def test_dropout_ends_with_the_training(layer_class, rng):
    layer, x = layer_class(4, 3, layers=2, dropout=0.5), _sequence(rng)
    drawn = layer(x)[0].numpy()

    first, second = (layer.eval()(x)[0].numpy() for _ in range(2))

    np.testing.assert_array_equal(first, second)
    assert np.abs(drawn - first).max() > 1e-3


@every_layer
def test_dropout_leaves_one_layer_as_it_is(layer_class, rng):
    layer, x = layer_class(4, 3, dropout=1.0), _sequence(rng)
    expected = layer(x)[0].numpy()

    y, _ = layer.eval()(x)

    np.testing.assert_array_equal(expected, y.numpy())


def test_dropout_that_is_no_probability_is_refused():
    with pytest.raises(xdl.ArgumentError, match=r"p 1\.5 came"):
        xdl.nn.GRU(4, 3, dropout=1.5)


@pytest.mark.parametrize("lengths", [[3, 6], [-1, 2]])
def test_lengths_outside_the_sequence_are_refused(lengths):
    layer = xdl.nn.LSTM(3, 4)

    with pytest.raises(xdl.ArgumentError, match="needed 0 to 5"):
        layer(np.zeros((5, 2, 3), "f4"), lengths=lengths)


def test_lengths_that_are_no_integers_are_refused():
    with pytest.raises(xdl.DtypeError, match="needed integers"):
        xdl.nn.GRU(3, 4)(np.zeros((5, 2, 3), "f4"), lengths=[1.5, 2.0])


def test_a_layer_takes_a_sequence_in_nested_lists():
    outputs, _ = xdl.nn.GRU(3, 4)([[[1.0, 2.0, 3.0]]])

    assert (1, 1, 4) == outputs.shape
