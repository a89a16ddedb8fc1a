"""GPT: what it sees, what it learns, what it writes."""

import numpy as np
import pytest

import xdl


def _model(**options):
    xdl.seed(0)
    return xdl.models.GPT(tokens=7, context=8, size=16, heads=2, layers=2, **options)


def _train(model, text, steps=150):
    optimizer = xdl.optim.AdamW(model, lr=0.01)
    tokens = np.array([text[i : i + 6] for i in range(7)])
    for _ in range(steps):
        model.forward(tokens[:, :-1])
        loss = model.loss(tokens[:, 1:])
        model.backward()
        optimizer.update()
    return loss.item()


def test_gpt_does_not_see_later_tokens():
    model = _model()

    short, long = (model.forward([t]).numpy() for t in ([1, 2, 3], [1, 2, 3, 4, 5]))

    np.testing.assert_allclose(short[0], long[0, :3], rtol=1e-4, atol=1e-6)


def test_gpt_learns_a_cycle_and_goes_on_with_it():
    model = _model()

    loss = _train(model, [i % 7 for i in range(20)])

    assert loss < 0.05
    assert [4, 5, 6, 0, 1] == model.generate([4, 5], 3, temperature=0)


def test_gpt_ties_the_scores_to_the_embedding():
    model = _model()

    model.forward([[1, 2]])
    model.loss([[2, 3]])
    model.backward()

    shapes = [v.shape for v in model.parameter.values()]
    assert 1 == shapes.count((7, 16))
    assert (model.embedding.weight.grad[6] != 0).any()  # by the scores alone


def test_gpt_draws_the_same_text_from_the_same_seed():
    model = _model(dropout=0.1)

    texts = []
    for _ in range(2):
        xdl.seed(3)
        texts.append(model.generate([1], 20))

    assert texts[0] == texts[1]
    assert model.is_training


def test_gpt_draws_from_the_most_likely_tokens_alone():
    model = _model()
    _train(model, [i % 7 for i in range(20)])

    assert [0, 1, 2, 3] == model.generate([0], 3, temperature=3.0, top_k=1)


@pytest.mark.parametrize("options", [{"temperature": -1}, {"top_k": 0}])
def test_gpt_refuses_wrong_options(options):
    with pytest.raises(xdl.ArgumentError, match="needed >= 0"):
        _model().generate([1], 1, **options)


@pytest.mark.parametrize("tokens", [[[0] * 9], [[]], [0, 1]])
def test_gpt_refuses_another_number_of_positions(tokens):
    with pytest.raises(xdl.ShapeError, match="1 to 8"):
        _model().forward(np.array(tokens, dtype=int))
