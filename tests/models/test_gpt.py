"""GPT: what it sees, what it learns, what it writes."""

import numpy as np
import pytest

import xdl


def _model(**options):
    xdl.seed(0)
    return xdl.models.GPT(tokens=7, context=8, size=16, heads=2, layers=2, **options)


def test_gpt_does_not_see_later_tokens():
    model = _model()

    short, long = (model.forward([t]).numpy() for t in ([1, 2, 3], [1, 2, 3, 4, 5]))

    np.testing.assert_allclose(short[0], long[0, :3], rtol=1e-4, atol=1e-6)


def test_gpt_ties_the_scores_to_the_embedding():
    model = _model()

    model.forward([[1, 2]])
    model.loss([[2, 3]])
    model.backward()

    shapes = [v.shape for v in model.parameter.values()]
    assert 1 == shapes.count((7, 16))
    assert (model.embedding.weight.grad[6] != 0).any()  # by the scores alone


@pytest.mark.parametrize("tokens", [[[0] * 9], [[]], [0, 1]])
def test_gpt_refuses_another_number_of_positions(tokens):
    with pytest.raises(xdl.ShapeError, match="1 to 8"):
        _model().forward(np.array(tokens, dtype=int))
