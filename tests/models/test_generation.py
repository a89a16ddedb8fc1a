"""What all language models write."""

import numpy as np
import pytest

import xdl

MODELS = {
    "GPT": lambda: xdl.models.GPT(
        tokens=7, context=8, size=16, heads=2, layers=2, dropout=0.1
    ),
    "LSTM": lambda: xdl.models.LSTMLanguageModel(
        tokens=7, size=16, layers=2, dropout=0.1, tied=True
    ),
}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def _trained(make):
    """Return a model that has learned to count, 0 to 6 and again, and its loss."""
    model = make()
    optimizer = xdl.optim.AdamW(model, lr=0.02)
    tokens = np.array([[(i + k) % 7 for k in range(6)] for i in range(7)])
    for _ in range(80):
        model.forward(tokens[:, :-1])
        loss = model.loss(tokens[:, 1:])
        model.backward()
        optimizer.update()
    return model, loss.item()


@every_model
def test_a_model_learns_a_cycle_and_goes_on_with_it(make):
    model, loss = _trained(make)

    written = model.generate([4, 5], 3, temperature=0)

    assert loss < 0.1
    assert [4, 5, 6, 0, 1] == written


@every_model
def test_the_most_likely_token_alone_is_drawn_at_any_temperature(make):
    model, _ = _trained(make)

    assert [0, 1, 2, 3] == model.generate([0], 3, temperature=3.0, top_k=1)


@every_model
def test_a_step_draws_what_the_whole_text_so_far_says(make):
    model = make().eval()
    start = [1, 2, 3]

    written = model.generate(start, 3, temperature=0)

    scores = model.forward([written[:-1]]).numpy()[0]
    assert written[3:] == scores[2:].argmax(axis=1).tolist()


@every_model
def test_the_same_seed_writes_the_same(make):
    model = make()

    texts = []
    for _ in range(2):
        xdl.seed(3)
        texts.append(model.generate([1], 20))

    assert texts[0] == texts[1]
    assert 21 == len(texts[0])


@every_model
def test_writing_leaves_every_layer_as_it_was(make):
    model = make()
    model.dropout.eval()
    before = [module.is_training for module in model.modules()]

    model.generate([1], 1)
    with pytest.raises(IndexError):
        model.generate([7], 1)

    assert before == [module.is_training for module in model.modules()]


@every_model
def test_writing_keeps_no_graph_and_the_given_list(make):
    model, start = make(), [1, 2]

    model.generate(start, 2)

    assert [1, 2] == start
    assert not model.output.trainable


@every_model
@pytest.mark.parametrize(
    ("tokens", "options"),
    [([1], {"temperature": -1}), ([1], {"top_k": 0}), ([], {})],
)
def test_wrong_options_are_refused(make, tokens, options):
    with pytest.raises(xdl.ArgumentError, match=r"generate: .* needed >= 0"):
        make().generate(tokens, 1, **options)
