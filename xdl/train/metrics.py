"""Metrics: what is measured of a model's outputs beside the loss, batch by batch."""

import importlib
from collections.abc import Callable
from typing import Annotated

import numpy as np

from xdl import backend
from xdl.arguments import described, kind
from xdl.core.variable import array_of
from xdl.errors import ArgumentError, EmptyBatchError, LabelError, ShapeError
from xdl.optim.ranges import Checked, Maybe, OneOf, PositiveInt, Range, Whole

_Threshold = Annotated[float, Range(low=-float("inf"))]
_AVERAGES = ("macro", "micro", "weighted")


class Metric(Checked):
    """The base of metrics: a subclass defines ``reset``, ``add`` and ``compute``.

    Attributes:
        name: what it is called in the logs of a Trainer.

    Example:
        >>> import numpy as np, xdl
        >>> class LargestError(xdl.train.Metric):
        ...     name = "largest_error"
        ...     def reset(self):
        ...         self.found = 0.0
        ...     def add(self, output, target):
        ...         self.found = max(self.found, float(np.abs(output - target).max()))
        ...     def compute(self):
        ...         return self.found
        >>> metric = LargestError()
        >>> metric.update(xdl.Variable([1.0, 2.5]), [1.0, 2.0])
        >>> metric.update([3.0], [3.25])
        >>> metric.compute()
        0.5
    """

    name = "metric"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: reset is not defined")

    def add(self, output: np.ndarray, target: np.ndarray) -> None:
        """Take in a batch, as NumPy arrays; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: add is not defined")

    def compute(self) -> object:
        """Return what all batches since ``reset`` come to; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: compute is not defined")

    def update(self, output: object, target: object) -> None:
        """Take in what the model made of a batch, and what was wanted.

        Args:
            output: a Variable or array (n, ...).
            target: the same, or nested lists of numbers.

        Raises:
            ShapeError: their shapes do not fit each other.
            LabelError: a label is no class.
        """
        self.add(_on_host(output), _on_host(target))


class Accuracy(Metric):
    """The part of the labels that are foreseen.

    Args:
        threshold: above it a score without classes means 1; default 0, for logits.

    Example:
        >>> import xdl
        >>> metric = xdl.train.Accuracy()
        >>> metric.update([[2.0, 1.0], [0.0, 3.0]], [0, 0])
        >>> metric.compute()
        0.5
    """

    name = "accuracy"

    def __init__(self, threshold: _Threshold = 0.0) -> None:
        self.threshold = threshold
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.right = self.count = 0

    def add(self, output: np.ndarray, target: np.ndarray) -> None:
        """Take in a batch."""
        found = _labels(self, output, target, self.threshold)
        self.right += int((found == target).sum())
        self.count += target.size

    def compute(self) -> float:
        """Return the part, in [0, 1]."""
        return self.right / _some(self, self.count)


class TopKAccuracy(Metric):
    """The part of the labels that are among the ``k`` largest scores.

    Of equal scores the first classes count.

    Args:
        k: an int >= 1; default 5.

    Example:
        >>> import xdl
        >>> metric = xdl.train.TopKAccuracy(k=2)
        >>> metric.update([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]], [2, 1])
        >>> metric.compute()
        0.5
    """

    name = "top_k_accuracy"

    def __init__(self, k: PositiveInt = 5) -> None:
        self.k = k
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.right = self.count = 0

    def add(self, output: np.ndarray, target: np.ndarray) -> None:
        """Take in a batch."""
        if output.ndim != target.ndim + 1:
            raise _misfit(self, output, target)
        order = np.argsort(-output, axis=-1, kind="stable")[..., : self.k]
        self.right += int((order == target[..., None]).sum())
        self.count += target.size

    def compute(self) -> float:
        """Return the part, in [0, 1]."""
        return self.right / _some(self, self.count)


class ConfusionMatrix(Metric):
    """How often each class was taken for each.

    Args:
        classes: how many there are; None: as many as come.
        threshold: as for ``Accuracy``.

    Example:
        >>> import xdl
        >>> metric = xdl.train.ConfusionMatrix()
        >>> metric.update([[2.0, 1.0], [0.0, 3.0], [0.0, 3.0]], [0, 0, 1])
        >>> metric.compute()
        array([[1, 1],
               [0, 1]])
    """

    name = "confusion_matrix"

    def __init__(
        self,
        classes: Annotated[int | None, Maybe(Whole())] = None,
        threshold: _Threshold = 0.0,
    ) -> None:
        self.classes, self.threshold = classes, threshold
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.counts = np.zeros((self.classes or 0,) * 2, np.int64)

    def add(self, output: np.ndarray, target: np.ndarray) -> None:
        """Take in a batch."""
        scored = output.shape[-1] if output.ndim > target.ndim else 1
        found = _labels(self, output, target, self.threshold).ravel()
        target = target.ravel().astype(np.int64)
        if not target.size:
            return
        most = int(max(found.max(), target.max())) + 1
        size = self.classes or max(len(self.counts), most, scored, 2)
        if target.min() < 0 or most > size:
            raise LabelError(
                f"{type(self).__name__}: labels {target.min()} to {most - 1} came, "
                f"needed labels in [0, {size})"
            )
        counts = np.bincount(target * size + found, minlength=size * size)
        grown = size - len(self.counts)
        self.counts = np.pad(self.counts, (0, grown)) + counts.reshape(size, size)

    def compute(self) -> object:
        """Return the counts (classes, classes): a row for what is, a column for found.

        The Trainer's logs hold it as an array.
        """
        return self.counts.copy()


class F1(ConfusionMatrix):
    """The harmonic mean of precision and recall.

    That of a class that neither is there nor was foreseen is 0.

    Args:
        average: "macro" (default), the mean of the classes; "weighted", by how often
            they are; "micro", of all samples.
        classes: as for ``ConfusionMatrix``.
        threshold: as for ``Accuracy``.

    Example:
        >>> import xdl
        >>> metric = xdl.train.F1()
        >>> metric.update([[2.0, 1.0], [0.0, 3.0], [0.0, 3.0]], [0, 0, 1])
        >>> round(metric.compute(), 3)
        0.667
    """

    name = "f1"

    def __init__(
        self,
        average: Annotated[str, OneOf(*_AVERAGES)] = "macro",
        classes: Annotated[int | None, Maybe(Whole())] = None,
        threshold: _Threshold = 0.0,
    ) -> None:
        self.average = average
        super().__init__(classes, threshold)

    def compute(self) -> float:
        """Return the mean, in [0, 1]."""
        right, true = self.counts.diagonal(), self.counts.sum(axis=1)
        both = true + self.counts.sum(axis=0)
        _some(self, true.sum())
        if self.average == "micro":
            return float(right.sum() / true.sum())
        of_each = 2 * right / np.maximum(both, 1)
        if self.average == "weighted":
            return float((of_each * true).sum() / true.sum())
        there = both > 0 if self.classes is None else slice(None)
        return float(of_each[there].mean())


class MAE(Metric):
    """The mean absolute error.

    Example:
        >>> import xdl
        >>> metric = xdl.train.MAE()
        >>> metric.update([1.0, 2.0], [1.0, 4.0])
        >>> metric.compute()
        1.0
    """

    name = "mae"

    def reset(self) -> None:
        """Forget all batches."""
        self.total, self.count = 0.0, 0

    def add(self, output: np.ndarray, target: np.ndarray) -> None:
        """Take in a batch."""
        output, target = _alike(self, output, target)
        self.total += float(np.abs(output - target).sum())
        self.count += target.size

    def compute(self) -> float:
        """Return the mean."""
        return self.total / _some(self, self.count)


class R2(Metric):
    """The coefficient of determination: 1 for what is foreseen, 0 for the mean.

    That of several columns is their mean; of a constant one it is 1 if it is foreseen
    and 0 if not.

    Example:
        >>> import xdl
        >>> metric = xdl.train.R2()
        >>> metric.update([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
        >>> metric.compute()
        0.5
    """

    name = "r2"

    def reset(self) -> None:
        """Forget all batches."""
        self.count, self.mean = 0, np.zeros(())
        self.spread = self.error = np.zeros(())

    def add(self, output: np.ndarray, target: np.ndarray) -> None:
        """Take in a batch."""
        output, target = _alike(self, output, target)
        if not len(target):
            return
        mean, n = target.mean(axis=0), len(target)
        apart, count = mean - self.mean, self.count + n
        # The sums of squares of two parts and of all: Chan et al., 1979.
        between = apart**2 * (self.count * n / count)
        self.spread = self.spread + ((target - mean) ** 2).sum(axis=0) + between
        self.error = self.error + ((output - target) ** 2).sum(axis=0)
        self.mean, self.count = self.mean + apart * (n / count), count

    def compute(self) -> float:
        """Return it, at most 1."""
        _some(self, self.count)
        is_constant = self.spread == 0
        explained = 1 - self.error / np.where(is_constant, 1.0, self.spread)
        exact = np.where(self.error == 0, 1.0, 0.0)
        return float(np.where(is_constant, exact, explained).mean())


class Scored(Metric):
    """A function of all rows, such as those of ``sklearn.metrics``.

    It keeps all rows, on the host.

    Args:
        function: of the targets and the outputs of all rows, to a number or array.

    Example:
        >>> import numpy as np, xdl
        >>> metric = xdl.train.Scored(lambda y, output: np.median(np.abs(output - y)))
        >>> metric.update([1.0, 2.0, 5.0], [1.0, 1.0, 1.0])
        >>> float(metric.compute())
        1.0
    """

    def __init__(self, function: Callable[..., object]) -> None:
        if not callable(function):
            raise ArgumentError(f"Scored: {kind(function)} came, needed a function")
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.kept: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, output: np.ndarray, target: np.ndarray) -> None:
        """Take in a batch."""
        self.kept.append((target.copy(), output.copy()))

    def compute(self) -> object:
        """Return what the function says of all rows."""
        _some(self, len(self.kept))
        return self.function(*map(np.concatenate, zip(*self.kept, strict=True)))


class AUC(Scored):
    """The area under the curve of true by false positives, by scikit-learn.

    It needs ``pip install "xdl[sklearn]"``. Of more than two classes it is the mean of
    each class against the rest; the scores are logits.

    Example:
        >>> import xdl
        >>> metric = xdl.train.AUC()
        >>> metric.update([0.5, -1.0, 2.0], [1, 0, 1])
        >>> metric.compute()
        1.0
    """

    def __init__(self) -> None:
        super().__init__(_area)
        self.name = "auc"


NAMES: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy,
    "auc": AUC,
    "confusion_matrix": ConfusionMatrix,
    "f1": F1,
    "mae": MAE,
    "r2": R2,
    "top_k_accuracy": TopKAccuracy,
}


def metric_of(one):
    """Return the Metric that came, or that a name or a function stands for."""
    if isinstance(one, Metric):
        return one
    if isinstance(one, str) and one in NAMES:
        return NAMES[one]()
    if callable(one) and not isinstance(one, type):
        return Scored(one)
    raise ArgumentError(
        f"Trainer: {described(one)} came as a metric, needed a Metric, a function of "
        f"targets and outputs, or one of {', '.join(NAMES)}"
    )


def _area(target, scores):
    try:
        measures = importlib.import_module("sklearn.metrics")
    except ImportError:
        raise ArgumentError(
            'AUC: scikit-learn is missing; pip install "xdl[sklearn]"'
        ) from None
    if scores.ndim == target.ndim + 1:
        if scores.shape[-1] == 1:
            scores = scores[..., 0]
        elif scores.shape[-1] == 2:
            scores = scores[..., 1] - scores[..., 0]
        else:
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True), dtype="f8")
            scores /= scores.sum(axis=-1, keepdims=True)
    return float(measures.roc_auc_score(target, scores, multi_class="ovr"))


def _on_host(value):
    return backend.to_numpy(backend.as_known_array(array_of(value)))


def _labels(metric, output, target, threshold):
    """Return the labels that scores stand for, of the target's shape."""
    if output.ndim == target.ndim + 1 and output.shape[:-1] == target.shape:
        if output.shape[-1] > 1:
            return output.argmax(axis=-1)
        output = output[..., 0]
    if output.shape != target.shape:
        raise _misfit(metric, output, target)
    return (output > threshold).astype(np.int64)


def _alike(metric, output, target):
    """Return both in float64, without a last axis of 1 that one of them lacks."""
    for one, other in ((output, target), (target, output)):
        if one.shape == (*other.shape, 1):
            output, target = output.reshape(other.shape), target.reshape(other.shape)
    if output.shape != target.shape:
        raise _misfit(metric, output, target)
    return output.astype(np.float64), target.astype(np.float64)


def _misfit(metric, output, target):
    return ShapeError(
        f"{type(metric).__name__}: output {output.shape} and target {target.shape} "
        "came, needed a target for each row of the output"
    )


def _some(metric, count):
    if not count:
        raise EmptyBatchError(f"{type(metric).__name__}: no rows came")
    return count
