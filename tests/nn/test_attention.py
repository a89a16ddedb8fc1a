"""Embedding and MultiHeadAttention as layers."""

import numpy as np
import pytest

import xdl


def test_embedding_gives_the_rows_and_their_gradients_add():
    layer = xdl.nn.Embedding(3, 2)

    y = layer([[2, 0, 2]])
    y.sum().backward()

    np.testing.assert_array_equal(layer.weight.numpy()[[[2, 0, 2]]], y.numpy())
    assert [[1, 1], [0, 0], [2, 2]] == layer.weight.grad.tolist()


@pytest.mark.parametrize("index", [3, -1])
def test_embedding_refuses_an_index_outside_its_rows(index):
    with pytest.raises(xdl.IndexRangeError, match=f"holds {index}"):
        xdl.nn.Embedding(3, 2)([0, index])


def test_causal_attention_does_not_see_later_positions(rng):
    layer = xdl.nn.MultiHeadAttention(8, heads=2)
    x = rng.standard_normal((2, 5, 8)).astype("f4")
    changed = x.copy()
    changed[:, 3:] += 1

    before, after = layer(x, causal=True).numpy(), layer(changed, causal=True).numpy()

    np.testing.assert_allclose(before[:, :3], after[:, :3], rtol=1e-5)
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-3


def test_attention_is_the_mean_of_the_values_where_all_keys_are_equal():
    layer = xdl.nn.MultiHeadAttention(4, heads=2)
    weight = np.zeros((4, 12), "f4")
    weight[:, 8:] = np.eye(4)
    layer.projection.weight.value = weight
    layer.output.weight.value = np.eye(4)
    x = np.arange(12, dtype="f4").reshape(1, 3, 4)

    y = layer(x)

    expected = np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)
    np.testing.assert_allclose(expected, y.numpy(), rtol=1e-6)


def test_heads_that_do_not_divide_the_features_are_refused():
    with pytest.raises(xdl.ArgumentError, match="3 heads"):
        xdl.nn.MultiHeadAttention(8, heads=3)


def test_attention_refuses_an_input_without_a_batch():
    with pytest.raises(xdl.ShapeError, match="three axes"):
        xdl.nn.MultiHeadAttention(8, heads=2)(np.zeros((5, 8), "f4"))


def test_transformer_block_adds_to_its_input_and_trains_every_weight(rng):
    block = xdl.nn.TransformerBlock(8, heads=2)
    x = rng.standard_normal((2, 5, 8)).astype("f4")

    y = block(x, causal=True)
    xdl.square(y).mean().backward()

    assert (2, 5, 8) == y.shape
    without = [name for name, v in block.parameter.items() if v.grad is None]
    assert [] == without
    assert 12 == len(block.parameter)
