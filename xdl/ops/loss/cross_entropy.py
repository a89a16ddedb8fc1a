"""The cross-entropy of class scores and labels, in natural logarithms."""

from __future__ import annotations

import math

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.backend.fresh import add_into
from xdl.core.case import BadCase, Case, Cases
from xdl.core.op import Op, function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import (
    ArgumentError,
    DtypeError,
    EmptyBatchError,
    GraphError,
    LabelError,
    ShapeError,
)
from xdl.ops.elementwise.selection import weighed
from xdl.ops.loss.probabilities import are_probabilities, of_probabilities, partition
from xdl.ops.loss.reduced import (
    REDUCTIONS,
    check_labels_shape,
    checked_reduction,
)
from xdl.ops.loss.samples import by_samples, label_factors
from xdl.typing import ArrayLike


class SoftmaxCrossEntropy(Op):
    torch = "nn.functional.cross_entropy"
    own_dtype = ("target",)
    residuals: tuple[str, ...] = ("shifted", "total", "picked")
    floating = True
    cases: Cases = (
        Case([(2, 3), [0, 2]]),
        Case([(2, 3), [0, 2]], {"reduction": "sum"}),
        Case([(2, 3), [0, 2]], {"reduction": "none"}),
        Case([(2, 2, 3), [[0, 2], [1, 1]]]),
        Case([(3,), 1]),
        Case(
            [[[1e4, -1e4], [1000.0, 1000.0]], [0, 1]],
            gradients=[[[0.0, 0.0], [0.25, -0.25]]],
        ),
        BadCase([(2, 3), [0, 3]], LabelError, "position 1 holds 3"),
        BadCase([(2, 3), [-1, 0]], LabelError, "position 0 holds -1"),
        BadCase([(2, 3), [0.0, 1.0]], DtypeError, "needed integer labels"),
        BadCase([(2, 3), [True, False]], DtypeError, "needed integer labels"),
        BadCase(
            [(2, 3), [[0], [1]]], ShapeError, "target has shape (2, 1), needed (2,)"
        ),
        BadCase(
            [(2, 3), [0, 1]], ArgumentError, "reduction 'max'", {"reduction": "max"}
        ),
    )

    def __init__(self, reduction="mean"):
        self.reduction = checked_reduction(self, reduction)

    def shape(self, logits_shape, target_shape):
        check_labels_shape(type(self).__name__, "logits", logits_shape, target_shape)
        return tuple(target_shape) if self.reduction == "none" else ()

    def flops(self, y_shape, logits_shape, *others):
        return 5 * math.prod(logits_shape)

    def compute(self, xp, logits, target):
        self._check(xp, logits, target)
        if xp.fused is not None and xp.fused.takes_rows(logits):
            losses, shifted, total = xp.fused.cross_entropy(logits, target)
            index = target
        else:
            shifted, total = partition(xp, logits)
            index = picked(xp, target)
            losses = xp.log(total)[..., 0] - shifted[index]
        if self.reduction == "mean":
            losses = xp.sum(losses) / target.size
        elif self.reduction == "sum":
            losses = xp.sum(losses)
        return losses, shifted, total, index

    def gradient(self, xp, gy, shifted, total, picked):
        if type(picked) is not tuple:  # of the kernel
            size = total.size if self.reduction == "mean" else 1
            given = gy, size, shifted, total, picked
            return xp.fused.cross_entropy_gradient(*given), None
        if self.reduction == "mean":
            gy = gy / total.size
        difference = add_into(xp, xp.exp(shifted) / total, picked, -1.0)
        return difference * (gy[..., None] if gy.ndim else gy), None

    def rewrap(self, node, wrap):
        """Take the shifted scores for the scores: the loss does not see the shift."""
        shifted, _, *rest = node.kept
        shifted = wrap(shifted, node.inputs[0])
        return (*partition(NAMESPACES[Variable], shifted), *self._composed(*rest))

    def _composed(self, index):
        """Return the index of the targets, which the kernel has no need of."""
        is_target = type(index) is not tuple
        return (picked(NAMESPACES[type(index)], index) if is_target else index,)

    def _check(self, xp, logits, target):
        if target.shape != logits.shape[:-1]:
            self.shape(logits.shape, target.shape)
        check_labels(self, xp, target, logits.shape[-1])
        if self.reduction == "mean" and not target.size:
            raise EmptyBatchError(f"{self}: a mean over an empty batch {logits.shape}")

    def to_onnx(self, graph, logits, target):
        options = {"reduction": self.reduction}
        return loss_to_onnx(graph, "SoftmaxCrossEntropyLoss", logits, target, options)


@function_of(SoftmaxCrossEntropy)
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute the cross-entropy between class scores and classes.

    The loss of a sample is ``-ln softmax(logits)[target]``, that of probabilities
    ``-sum(target * ln softmax(logits))``.

    Args:
        logits: floating scores (..., classes).
        target: integer labels (...), each in [0, classes); or probabilities
            (..., classes).
        weight: None, or an array (classes,): a factor for each class; one of 0 leaves
            the class out. The mean is then divided by the sum of the factors of the
            labels; of probabilities by the number of samples, as in PyTorch.
        ignore_index: None, or a label whose samples do not count, whatever stands in
            their logits; where all samples are ignored, the mean is 0.
        label_smoothing: from 0 (default) to 1: the part of the target that is spread
            evenly over all classes.
        reduction: "mean" over the samples (default), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array (...) for "none". It is NaN where a logit is NaN
        or inf; -inf is the logit of a class of probability 0.

    Raises:
        LabelError: a label is outside [0, classes).
        DtypeError: labels are not integers, or logits not floating.
        GraphError: ``weight`` is trainable; the loss has no gradient by it.
        ShapeError: the shapes do not fit.
        EmptyBatchError: a mean over no samples.
        ArgumentError: another reduction or smoothing; a label to ignore among
            probabilities.

    Example:
        >>> import xdl
        >>> xdl.softmax_cross_entropy([[0.0, 0.0], [1e4, -1e4]], [1, 0])
        Variable(0.3465736, dtype=float32)
        >>> xdl.softmax_cross_entropy([[0.0, 0.0]], [[0.25, 0.75]])
        Variable(0.6931472, dtype=float32)

    Reference: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2.3;
    smoothing: Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.
    """
    if type(label_smoothing) is not float or label_smoothing:
        what = "SoftmaxCrossEntropy", "label_smoothing"
        label_smoothing = number(*what, label_smoothing)
    if isinstance(weight, Variable) and weight.trainable:
        raise GraphError(
            "SoftmaxCrossEntropy: weight is trainable, needed a constant; detach() it"
        )
    if are_probabilities(logits, target):
        return of_probabilities(
            logits,
            target,
            weight,
            ignore_index,
            label_smoothing,
            reduction,
            sample_weight,
        )
    is_plain = weight is None and ignore_index is None and not label_smoothing
    if sample_weight is not None:
        each, rest = _plain["none"], (target, weight)
        if not is_plain:
            each = WeightedSoftmaxCrossEntropy(ignore_index, label_smoothing, "none")
        given = (logits,), rest[:1] if is_plain else rest, sample_weight, reduction
        return by_samples(each, *given, label_factors(weight, ignore_index))
    if is_plain:
        op = _plain.get(reduction) or SoftmaxCrossEntropy(reduction)
        return op(logits, target)
    op = WeightedSoftmaxCrossEntropy(ignore_index, label_smoothing, reduction)
    return op(logits, target, weight)


def loss_to_onnx(graph, name, x, target, options, weight=None):
    """Write a loss of labels, whose classes ONNX has on axis 1."""
    shape, classes = graph.shape(target), graph.shape(x)[-1]
    none = graph.number(0, x)
    x = graph.add("Reshape", x, graph.integers((-1, classes)))
    rows = graph.add("Reshape", target, graph.integers(-1))
    y = graph.add(name, x, rows, weight, **options)
    ignored = options.get("ignore_index")
    if ignored is not None and options["reduction"] == "mean":  # NaN of none in ONNX
        ignored = graph.add("Equal", rows, graph.number(ignored, target))
        counted = graph.cast(graph.add("Not", ignored), "int32")
        counted = graph.add("ReduceSum", counted, keepdims=False)
        y = graph.add("Where", graph.cast(counted, "bool"), y, none)
    is_whole = options["reduction"] == "none"
    return graph.add("Reshape", y, graph.integers(shape)) if is_whole else y


class WeightedSoftmaxCrossEntropy(SoftmaxCrossEntropy):
    """Compute the cross-entropy with class weights, ignored labels and smoothing.

    Each label becomes a row q of target masses: ``(1 - s) w[t]`` on the label t and
    ``s w[c] / classes`` on every class c, for the smoothing s and the weights w; a row
    of zeros if it is ignored. The loss is ``-sum(q ln softmax(logits))`` over the
    classes whose mass is not 0, its mean is divided by the sum of ``w[t]``. Arguments
    as for ``SoftmaxCrossEntropy``.

    Example:
        >>> import xdl
        >>> logits = [[0.0, 0.0], [3.0, 0.0]]
        >>> xdl.softmax_cross_entropy(logits, [1, -1], ignore_index=-1)
        Variable(0.6931472, dtype=float32)
    """

    own_dtype = ("target",)
    residuals = ("shifted", "total", "masses", "count")
    cases = (
        Case([(2, 3), [0, 2], [0.5, 1.0, 2.0]]),
        Case([(2, 3), [0, -1], None], {"ignore_index": -1}),
        Case([(2, 3), [-1, -1], None], {"ignore_index": -1}),
        Case([(2, 3), [0, 2], None], {"label_smoothing": 0.1}),
        Case(
            [(2, 3), [0, 2], [0.5, 1.0, 2.0]],
            {"label_smoothing": 0.2, "ignore_index": 0},
        ),
        Case([(2, 3), [0, 2], [0.5, 1.0, 2.0]], {"reduction": "none"}),
        BadCase([(2, 3), [0, -2], None], LabelError, "holds -2", {"ignore_index": -1}),
        BadCase([(2, 3), [0, 2], [1.0, 2.0]], ShapeError, "weight has shape (2,)"),
        BadCase(
            [(2, 3), [0, 2], None], ArgumentError, "from 0 to 1", {"label_smoothing": 2}
        ),
    )

    def __init__(self, ignore_index=None, label_smoothing=0.0, reduction="mean"):
        super().__init__(reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = number(
            "SoftmaxCrossEntropy", "label_smoothing", label_smoothing, low=0, high=1
        )

    def shape(self, logits_shape, target_shape, weight_shape=None):
        if weight_shape and tuple(weight_shape) != tuple(logits_shape[-1:]):
            raise ShapeError(
                f"{type(self).__name__}: weight has shape {tuple(weight_shape)}, "
                f"needed {tuple(logits_shape[-1:])}"
            )
        return super().shape(logits_shape, target_shape)

    def compute(self, xp, logits, target, weight=None):
        counts, target = safe_labels(xp, target, self.ignore_index)
        self._check(xp, logits, target)
        if weight is None:
            weight = xp.new_ones(logits, logits.shape[-1:])
        self.shape(logits.shape, target.shape, weight.shape)
        factors = xp.getitem(weight, (target,))
        if counts is not None:
            factors = xp.zero_unless(counts, factors)
        masses = self._masses(xp, logits, target, weight, factors, counts)
        has_mass = xp.any(masses != 0, axis=-1, keepdims=True)
        shifted, total = partition(xp, xp.zero_unless(has_mass, logits))
        losses = weighed(xp, xp.log(total) - shifted, masses)
        losses = xp.sum(losses, axis=-1)
        count = 1.0
        if self.reduction == "mean":
            count = xp.sum(factors)
            count = xp.where(count == 0, 1.0, count)
        if self.reduction != "none":
            losses = xp.sum(losses) / count
        return losses, shifted, total, masses, count

    def gradient(self, xp, gy, shifted, total, masses, count):  # type: ignore[override]
        scale = gy[..., None] if gy.ndim else gy / count
        mass = xp.sum(masses, axis=-1, keepdims=True)
        has_mass = xp.any(masses != 0, axis=-1, keepdims=True)
        scale = xp.zero_unless(has_mass, scale)
        return (mass * (xp.exp(shifted) / total) - masses) * scale, None, None

    def _composed(self, *rest):
        return rest

    def _masses(self, xp, logits, target, weight, factors, counts):
        smooth = self.label_smoothing
        masses = xp.new_zeros(logits, logits.shape)
        if smooth:
            masses = masses + weight * (smooth / logits.shape[-1])
            if counts is not None:
                masses = xp.zero_unless(counts[..., None], masses)
        return add_into(xp, masses, picked(xp, target), (1 - smooth) * factors)

    def to_onnx(self, graph, logits, target, weight=None):
        if self.label_smoothing:
            raise GraphError(f"{self}: ONNX's loss has no smoothing")
        options = {"reduction": self.reduction, "ignore_index": self.ignore_index}
        name = "SoftmaxCrossEntropyLoss"
        return loss_to_onnx(graph, name, logits, target, options, weight)


def safe_labels(xp, target, ignore_index):
    """Return which samples count, None for all, and labels that are safe to use."""
    if ignore_index is None:
        return None, target
    counts = target != ignore_index
    return counts, xp.where(counts, target, xp.new_zeros(target, target.shape))


def check_labels(who, xp, target, classes):
    """Refuse labels that are no integers in [0, classes).

    Raises:
        DtypeError, LabelError: as the names say.
    """
    if not backend.is_integer(target):
        name = backend.dtype_name(target.dtype)
        hint = "; encode them: np.unique(target, return_inverse=True)[1]"
        if backend.is_floating(target):
            hint = "; .astype(int) makes them of whole numbers"
        hint = "" if name == "bool" else hint
        raise DtypeError(f"{who}: target is {name}, needed integer labels{hint}")
    xp.check_indices(target, classes, who, LabelError)


def picked(xp, target):
    """Return the index of each sample's target among the logits."""
    if target.ndim == 1:
        return xp.new_arange(target, target.shape[0]), target
    index = []
    for axis, n in enumerate(target.shape):
        shape = (1,) * axis + (n,) + (1,) * (target.ndim - axis - 1)
        index.append(xp.reshape(xp.new_arange(target, n), shape))
    return (*index, target)


_plain = {reduction: SoftmaxCrossEntropy(reduction) for reduction in REDUCTIONS}
