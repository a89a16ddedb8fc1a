"""Metrics: what scikit-learn says of all rows, from batches."""

import numpy as np
import pytest

import xdl
from tests.train.trained import Net, X, Y
from xdl import ArgumentError, EmptyBatchError, LabelError, ShapeError
from xdl.train import (
    AUC,
    F1,
    MAE,
    R2,
    Accuracy,
    ConfusionMatrix,
    Metric,
    Scored,
    TopKAccuracy,
    Trainer,
    batches,
)

measures = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((90, 4)).astype(np.float32)
LABELS = RNG.integers(0, 4, 90)
FOUND = SCORES.argmax(axis=1)
LOGITS, BITS = SCORES[:, 0], (LABELS > 1).astype(int)
VALUES = SCORES + RNG.standard_normal((90, 4))


def measured(metric, output, target, size=13):
    """Return what a metric says of rows that come in batches."""
    for x, y in batches(output, target, size):
        metric.update(xdl.Variable(x), y)
    return metric.compute()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Accuracy(), measures.accuracy_score(LABELS, FOUND)),
        (F1(), measures.f1_score(LABELS, FOUND, average="macro")),
        (F1("micro"), measures.f1_score(LABELS, FOUND, average="micro")),
        (F1("weighted"), measures.f1_score(LABELS, FOUND, average="weighted")),
        (ConfusionMatrix(), measures.confusion_matrix(LABELS, FOUND)),
        *[
            (TopKAccuracy(k), measures.top_k_accuracy_score(LABELS, SCORES, k=k))
            for k in (1, 2, 3)
        ],
    ],
)
@pytest.mark.parametrize("size", [1, 13, 90])
def test_a_metric_of_classes_is_that_of_scikit_learn(metric, expected, size):
    metric.reset()

    assert measured(metric, SCORES, LABELS, size) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(90,), (90, 1)])
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Accuracy(), measures.accuracy_score(BITS, LOGITS > 0)),
        (Accuracy(threshold=0.5), measures.accuracy_score(BITS, LOGITS > 0.5)),
        (F1(), measures.f1_score(BITS, LOGITS > 0, average="macro")),
        (ConfusionMatrix(2), measures.confusion_matrix(BITS, LOGITS > 0)),
        (AUC(), measures.roc_auc_score(BITS, LOGITS)),
    ],
)
def test_scores_without_classes_are_logits_of_two(metric, expected, shape):
    metric.reset()

    assert measured(metric, LOGITS.reshape(shape), BITS) == pytest.approx(expected)


def test_the_area_of_several_classes_is_each_against_the_rest():
    odds = np.exp(SCORES.astype("f8"))
    odds /= odds.sum(axis=1, keepdims=True)

    expected = measures.roc_auc_score(LABELS, odds, multi_class="ovr")
    two = measures.roc_auc_score(BITS, SCORES[:, 1] - SCORES[:, 0])

    assert measured(AUC(), SCORES, LABELS) == pytest.approx(expected)
    assert measured(AUC(), SCORES[:, :2], BITS) == pytest.approx(two)


@pytest.mark.parametrize("size", [1, 13, 90])
@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize(
    ("metric", "expected"),
    [(R2(), measures.r2_score), (MAE(), measures.mean_absolute_error)],
)
def test_a_metric_of_values_is_that_of_scikit_learn(metric, expected, columns, size):
    metric.reset()
    output, target = SCORES[:, :columns], VALUES[:, :columns] + 1e3

    found = measured(metric, output, target, size)

    assert found == pytest.approx(expected(target, output), rel=1e-9)


@pytest.mark.parametrize("metric", [R2, MAE])
def test_an_axis_of_one_that_the_target_lacks_is_none(metric):
    flat = measured(metric(), SCORES[:, 0], VALUES[:, 0])

    assert flat == measured(metric(), SCORES[:, :1], VALUES[:, 0])
    assert flat == measured(metric(), SCORES[:, 0], VALUES[:, :1])


def test_r2_of_a_constant_is_one_if_it_is_foreseen_and_zero_if_not():
    assert 1.0 == measured(R2(), np.ones(5), np.ones(5))
    assert 0.0 == measured(R2(), np.zeros(5), np.ones(5))


def test_sequences_of_scores_count_each_of_them():
    scores, labels = SCORES.reshape(15, 6, 4), LABELS.reshape(15, 6)

    assert measured(Accuracy(), SCORES, LABELS) == measured(Accuracy(), scores, labels)
    assert measured(TopKAccuracy(2), SCORES, LABELS) == measured(
        TopKAccuracy(2), scores, labels
    )


@pytest.mark.parametrize("metric", [F1(), ConfusionMatrix(), Accuracy()])
def test_reset_forgets_all_batches(metric):
    first = measured(metric, SCORES, LABELS)
    measured(metric, SCORES, LABELS[::-1].copy())

    metric.reset()

    assert np.array_equal(first, measured(metric, SCORES, LABELS))


def test_a_trainer_measures_what_it_was_asked_for():
    def largest(target, output):
        return float(output.max())

    model = Net()
    metrics = ["accuracy", F1(), largest, "confusion_matrix"]
    trainer = Trainer(model, xdl.SGD(model, 0.1), metrics=metrics)

    history = trainer.fit(batches(X, Y, 8), batches(X, Y, 8), epochs=1)

    found = trainer.predict(X).argmax(axis=1)
    assert history[0]["val_accuracy"] == measures.accuracy_score(Y, found)
    assert history[0]["val_f1"] == measures.f1_score(Y, found, average="macro")
    assert (history[0]["val_confusion_matrix"].sum(axis=1) == np.bincount(Y)).all()
    assert history[0]["val_largest"] == trainer.predict(X).max()


def test_measured_arrays_are_saved_with_the_history(tmp_path):
    model = Net()
    trainer = Trainer(model, xdl.SGD(model), metrics=["confusion_matrix"])
    trainer.fit(batches(X, Y, 8), batches(X, Y, 8))
    expected = trainer.history[0]["val_confusion_matrix"]
    trainer.save(tmp_path / "last")
    trainer.history.clear()

    trainer.load(tmp_path / "last")

    assert (expected == trainer.history[0]["val_confusion_matrix"]).all()


@pytest.mark.parametrize(
    ("metric", "output", "target", "error", "said"),
    [
        (Accuracy(), SCORES, LABELS[:5], ShapeError, r"\(90, 4\) and target \(5,\)"),
        (TopKAccuracy(), LOGITS, BITS, ShapeError, "TopKAccuracy: output"),
        (MAE(), SCORES, LABELS, ShapeError, "MAE: output"),
        (ConfusionMatrix(3), SCORES, LABELS, LabelError, r"needed labels in \[0, 3\)"),
        (F1(), SCORES, LABELS - 1, LabelError, "F1: labels -1"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    metric, output, target, error, said
):
    with pytest.raises(error, match=said):
        metric.update(output, target)


@pytest.mark.parametrize(
    "metric", [Accuracy(), F1(), MAE(), R2(), TopKAccuracy(), Scored(max), AUC()]
)
def test_a_metric_of_no_rows_is_refused(metric):
    with pytest.raises(EmptyBatchError, match="no rows came"):
        metric.compute()


@pytest.mark.parametrize("one", ["precise", 3, Accuracy])
def test_what_is_no_metric_is_refused_with_the_names(one):
    model = Net()

    with pytest.raises(ArgumentError, match="one of accuracy, auc"):
        Trainer(model, xdl.SGD(model), metrics=[one])


@pytest.mark.parametrize("method", ["reset", "compute", "add"])
def test_a_metric_says_what_it_does_not_define(method):
    class Bare(Metric):
        def __init__(self):
            pass

    with pytest.raises(NotImplementedError, match=f"Bare: {method} is not defined"):
        getattr(Bare(), method)(*[None, None] * (method == "add"))


def test_the_area_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.metrics", None)

    with pytest.raises(ArgumentError, match=r'pip install "xdl\[sklearn\]"'):
        measured(AUC(), LOGITS, BITS)
