"""The classifier of sequences, and the recurrent language model."""

import numpy as np
import pytest

import xdl

LAYERS = [xdl.nn.LSTM, xdl.nn.GRU, xdl.nn.RNN]
every_layer = pytest.mark.parametrize("layer", LAYERS)


def _sequences(rng, n=6, t=5):
    return rng.standard_normal((n, t, 3)).astype("f4")


def _losses(model, optimizer, x, target, steps):
    losses = []
    for _ in range(steps):
        model.forward(x)
        losses.append(model.loss(target).item())
        model.backward()
        optimizer.update()
    return losses


@every_layer
def test_classifier_learns_the_sign_of_a_sum(layer, rng):
    model = xdl.models.RNNClassifier(3, 16, classes=2, layer=layer)
    optimizer = xdl.optim.Adam(model, lr=0.02)
    x = _sequences(rng, 64)
    target = (x.sum(axis=(1, 2)) > 0).astype(int)

    losses = _losses(model, optimizer, x, target, 60)

    found = model.forward(x).argmax(axis=1).numpy()
    assert losses[-1] < 0.5 * losses[0]
    assert (found == target).mean() > 0.9


@every_layer
@pytest.mark.parametrize("options", [{}, {"layers": 2, "bidirectional": True}])
def test_classifier_does_not_see_what_stands_behind_the_length(layer, options, rng):
    model = xdl.models.RNNClassifier(3, 4, classes=2, layer=layer, **options)
    x = _sequences(rng)
    alone = model.forward(x[1:2, :2]).numpy()[0]

    y = model.forward(x, lengths=[5, 2, 5, 1, 4, 3]).numpy()

    np.testing.assert_allclose(alone, y[1], rtol=1e-5, atol=1e-6)


def test_classifier_of_both_directions_reads_both_ends(rng):
    model = xdl.models.RNNClassifier(3, 4, classes=2, bidirectional=True, layers=2)
    x = _sequences(rng, 1)
    y, _ = model.recurrent(x)

    scores = model.forward(x).numpy()

    ends = np.concatenate([y.numpy()[0, -1, :4], y.numpy()[0, 0, 4:]])
    expected = ends @ model.head.weight.numpy() + model.head.bias.numpy()
    np.testing.assert_allclose(expected, scores[0], rtol=1e-5, atol=1e-6)


def test_classifier_gives_the_same_with_the_weights_of_another(rng):
    one, other = (xdl.models.RNNClassifier(3, 4, 2, layers=2) for _ in range(2))
    x = _sequences(rng)

    other.parameter.load_state_dict(one.parameter.state_dict())

    assert (one.forward(x).numpy() == other.forward(x).numpy()).all()


def test_language_model_goes_on_where_its_state_ended():
    model = xdl.models.LSTMLanguageModel(7, 8, layers=2)
    whole = model.forward([[1, 2, 3, 4, 5]]).numpy()
    model.forward([[1, 2]])

    rest = model.forward([[3, 4, 5]], model.state).numpy()

    np.testing.assert_allclose(whole[:, 2:], rest, rtol=1e-5, atol=1e-6)


def test_language_model_trains_on_a_text_in_pieces():
    model = xdl.models.LSTMLanguageModel(7, 16)
    optimizer = xdl.optim.Adam(model, lr=0.02)
    text = np.arange(41) % 7
    losses, state = [], None

    for start in list(range(0, 40, 10)) * 15:
        model.forward(text[None, start : start + 10], state)
        losses.append(model.loss(text[None, start + 1 : start + 11]).item())
        model.backward()
        optimizer.update()
        state = model.state if start < 30 else None

    assert losses[-1] < 0.1 * losses[0]


def test_language_model_ties_the_scores_to_the_embedding():
    free, tied = (xdl.models.LSTMLanguageModel(7, 8, tied=t) for t in (False, True))

    tied.forward([[1, 2]])
    tied.loss([[2, 3]])
    tied.backward()

    assert free.parameter.size - tied.parameter.size == 8 * 7 + 7
    assert (tied.embedding.weight.grad[6] != 0).any()  # by the scores alone


def test_language_model_drops_features_in_training_alone():
    model = xdl.models.LSTMLanguageModel(7, 20, layers=2, dropout=0.5)

    first, second = (model.forward([[1, 2]]).numpy() for _ in range(2))
    model.eval()
    third, fourth = (model.forward([[1, 2]]).numpy() for _ in range(2))

    assert (first != second).any()
    assert (third == fourth).all()


def test_language_model_drops_features_before_between_and_behind_the_layers():
    model = xdl.models.LSTMLanguageModel(7, 20, layers=2, dropout=0.5)

    model.forward([[1, 2]])
    graph = xdl.Graph(model.output)

    assert 3 == [type(node.op).__name__ for node in graph.nodes].count("Dropout")


def test_language_model_gives_the_same_with_the_weights_of_another():
    one, other = (xdl.models.LSTMLanguageModel(7, 8, tied=True) for _ in range(2))

    other.parameter.load_state_dict(one.parameter.state_dict())

    pair = [model.forward([[1, 2, 3]]).numpy() for model in (one, other)]
    assert (pair[0] == pair[1]).all()


@pytest.mark.parametrize("tokens", [[0, 1], np.zeros((1, 0), int)])
def test_language_model_refuses_tokens_without_two_axes_or_steps(tokens):
    with pytest.raises(xdl.ShapeError, match="needed"):
        xdl.models.LSTMLanguageModel(7, 8).forward(tokens)


def test_language_model_refuses_a_token_outside_the_vocabulary():
    with pytest.raises(IndexError):
        xdl.models.LSTMLanguageModel(7, 8).forward([[7]])
