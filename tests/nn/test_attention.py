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


@pytest.mark.parametrize("causal", [False, True])
def test_a_boolean_mask_and_an_added_one_say_the_same(rng, causal):
    q, k, v = rng.standard_normal((3, 2, 4, 3)).astype("f4")
    mask = np.array([True, False, True, True])
    added = np.where(mask, 0, -1e9).astype("f4")

    by_mask, by_sum = (
        xdl.scaled_dot_product_attention(q, k, v, m, causal=causal)
        for m in (mask, added)
    )

    np.testing.assert_allclose(by_mask.numpy(), by_sum.numpy(), rtol=1e-5)


def test_an_added_mask_that_is_trainable_gets_a_gradient(rng):
    q, k, v = rng.standard_normal((3, 4, 3)).astype("f4")
    bias = xdl.Variable(np.zeros((4, 4), "f4"))

    xdl.scaled_dot_product_attention(q, k, v, bias).sum().backward()

    np.testing.assert_allclose(0, bias.grad.sum(axis=1), atol=1e-6)
    assert np.abs(bias.grad).max() > 1e-3


def test_a_mask_that_does_not_fit_is_refused():
    x = np.zeros((4, 3), "f4")

    with pytest.raises(xdl.ShapeError, match="do not broadcast"):
        xdl.scaled_dot_product_attention(x, x, x, np.ones((4, 5), bool))
