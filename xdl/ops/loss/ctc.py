"""Connectionist temporal classification: labels of a sequence without their times."""

from __future__ import annotations

import itertools
import math

from xdl import backend
from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError, LabelError, ShapeError
from xdl.ops.axes import as_operand
from xdl.ops.elementwise.selection import maximum
from xdl.ops.indexing.getitem import getitem
from xdl.ops.layout.shape import reshape
from xdl.ops.layout.unit_axes import expand_dims
from xdl.ops.loss.ctc_paths import IMPOSSIBLE, Paths
from xdl.ops.loss.reduced import ReducedLoss
from xdl.ops.loss.samples import by_samples, check_samples
from xdl.typing import ArrayLike


class CtcLoss(ReducedLoss):
    torch = "nn.functional.ctc_loss"
    own_dtype = ("targets", "input_lengths", "target_lengths")
    residuals = ("alphas", "totals")
    cases = (
        Case([(4, 2, 3), [[1, 2], [2, 2]], [4, 4], [2, 2]]),
        Case([(4, 2, 3), [[1, 2], [2, 0]], [3, 2], [2, 1]], {"reduction": "sum"}),
        Case([(3, 2, 3), [[0, 1], [-1, 5]], [3, 2], [2, 0]], {"blank": 2}),
        Case([(1, 2, 2), [[1], [0]], [1, 0], [1, 0]], {"reduction": "none"}),
        Case([(3, 1, 4), [[3, 1, 2]], [3], [3]]),
        Case(
            [(3, 2, 2), [[1, 1], [1, 1]], [3, 2], [2, 2]],
            {"zero_infinity": True, "reduction": "none"},
        ),
        Case(
            [(3, 1, 2), [[1, 1]], [2], [2]],
            gradients=[[[[math.nan, math.nan]], [[math.nan, math.nan]], [[0.0, 0.0]]]],
        ),
        BadCase([(2, 1, 2), [[2]], [2], [1]], LabelError, "position 0 holds 2"),
        BadCase([(2, 1, 2), [[-1]], [2], [1]], LabelError, "position 0 holds -1"),
        BadCase([(2, 1, 2), [[0]], [2], [1]], LabelError, "the blank, 0"),
        BadCase([(2, 1, 2), [[1.0]], [2], [1]], DtypeError, "needed integer targets"),
        BadCase([(2, 1, 2), [[1]], [2.0], [1]], DtypeError, "integer input_lengths"),
        BadCase([(2, 1, 2), [[1]], [3], [1]], ShapeError, "input_lengths: position 0"),
        BadCase([(2, 1, 2), [[1]], [2], [-1]], ShapeError, "target_lengths: position"),
        BadCase([(2, 1, 2), [[1]], [2, 2], [1]], ShapeError, "input_lengths (2,)"),
        BadCase([(2, 1, 2), [[1], [1]], [2], [1]], ShapeError, "targets (2, 1)"),
        BadCase([(0, 1, 2), [[1]], [0], [1]], ShapeError, "log_probs (0, 1, 2)"),
        BadCase([(2, 2), [[1]], [2], [1]], ShapeError, "log_probs (2, 2)"),
        BadCase([(2, 1, 2), [[1]], [2], [1]], ArgumentError, "blank 2", {"blank": 2}),
        BadCase(
            [(2, 1, 2), [[1]], [2], [1]], ArgumentError, "'max'", {"reduction": "max"}
        ),
    )

    def __init__(self, blank=0, reduction="mean", zero_infinity=False):
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def shape(self, log_probs_shape, targets_shape, *lengths_shapes):
        if len(log_probs_shape) != 3 or not log_probs_shape[0]:
            raise ShapeError(
                f"{self}: log_probs {tuple(log_probs_shape)} came, needed (time, n, "
                "classes) with times"
            )
        _, n, classes = log_probs_shape
        if len(targets_shape) != 2 or targets_shape[0] != n:
            raise ShapeError(
                f"{self}: targets {tuple(targets_shape)} came, needed ({n}, labels)"
            )
        for name, shape in zip(self.own_dtype[1:], lengths_shapes, strict=True):
            if tuple(shape) != (n,):
                raise ShapeError(f"{self}: {name} {tuple(shape)} came, needed ({n},)")
        if not isinstance(self.blank, int) or not 0 <= self.blank < classes:
            raise ArgumentError(
                f"{self}: blank {self.blank!r} came, needed one of {classes} classes"
            )
        return self._reduced_shape((n,))

    def flops(self, y_shape, log_probs_shape, targets_shape, *lengths_shapes):
        time, n, _ = log_probs_shape
        return 12 * time * n * (2 * targets_shape[1] + 1)

    def compute(self, xp, log_probs, targets, input_lengths, target_lengths):
        paths = self._paths(xp, log_probs, targets, input_lengths, target_lengths)
        totals = paths.totals()
        infinite = 0.0 if self.zero_infinity else math.inf
        logs = totals + paths.taken_off
        losses = xp.where(logs < IMPOSSIBLE, infinite, -logs)
        if self.reduction == "mean":
            losses = losses / self._divisor(xp, losses, target_lengths)
        return self._reduced(xp, losses), paths.alphas, totals

    def gradient(
        self,
        xp,
        gy,
        log_probs,
        targets,
        input_lengths,
        target_lengths,
        alphas,
        totals,
    ):
        paths = self._paths(xp, log_probs, targets, input_lengths, target_lengths)
        weights = self._spread(gy, totals.shape)
        if self.reduction == "mean":
            weights = weights / self._divisor(xp, totals, target_lengths)
        none = 0.0 if self.zero_infinity else math.nan
        is_impossible = totals + paths.taken_off < IMPOSSIBLE
        weights = xp.where(is_impossible, none, -weights)
        return paths.expected(alphas, totals, weights), None, None, None

    def _divisor(self, xp, losses, target_lengths):
        return xp.astype(xp.maximum(target_lengths, 1), losses.dtype)

    def _paths(self, xp, log_probs, targets, *lengths):
        self.shape(*(a.shape for a in (log_probs, targets, *lengths)))
        time, _, classes = log_probs.shape
        for name, array in zip(self.own_dtype, (targets, *lengths), strict=True):
            if not backend.is_integer(array):
                raise DtypeError(
                    f"{self}: {name} is {backend.dtype_name(array.dtype)}, needed "
                    f"integer {name}"
                )
        targets = xp.astype(targets, "int64")
        times, counts = (xp.astype(array, "int64") for array in lengths)
        self._check_lengths(xp, "input_lengths", times, time)
        self._check_lengths(xp, "target_lengths", counts, targets.shape[1])
        places = xp.new_arange(targets, targets.shape[1])
        counted = places < counts[:, None]
        labels = xp.where(counted, targets, self.blank)
        xp.check_indices(labels, classes, self, LabelError)
        self._check_blanks(xp, xp.logical_and(counted, labels == self.blank))
        return Paths(xp, log_probs, labels, times, counts, self.blank)

    def _check_lengths(self, xp, name, lengths, most):
        try:
            xp.check_indices(lengths, most + 1, f"{self}: {name}", ShapeError)
        except ShapeError as error:
            raise ShapeError(str(error)) from None

    def _check_blanks(self, xp, are_blank):
        try:
            xp.check_indices(xp.astype(are_blank, "int64"), 1, self, LabelError)
        except LabelError:
            raise LabelError(
                f"{self}: a label among the targets is the blank, {self.blank}"
            ) from None


@function_of(CtcLoss)
def ctc_loss(
    log_probs: ArrayLike,
    targets: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute -ln of the probability that a sequence reads as its labels.

    At each time a sequence shows a label or the blank. It is read by taking equal
    neighbours for one and leaving blanks out; its probability is the sum over all that
    read as the labels. It is infinite where there are too few times for them; its
    gradient is then NaN, as in PyTorch, unless ``zero_infinity``.

    Args:
        log_probs: logarithms of probabilities (time, n, classes), or (time, classes)
            for one sequence: the output of ``log_softmax``.
        targets: integer labels (n, most labels), what is beyond a length does not
            count; or all labels one after the other.
        input_lengths: how many times count, integers (n,).
        target_lengths: how many labels count, integers (n,).
        blank: the class of the blank, an int; default 0.
        reduction: "mean" (default): each loss divided by its number of labels, then
            the mean; "sum"; or "none".
        zero_infinity: whether infinite losses, and their gradients, are 0.
        sample_weight: None, or a factor for each sequence (n,); one of 0 leaves it out,
            and a mean is divided by the sum of the factors.

    Returns:
        A single number, or an array (n,) for "none".

    Raises:
        LabelError: a label is the blank, or outside [0, classes).
        DtypeError: labels or lengths are not integers.
        ShapeError: the shapes do not fit, or a length is longer than its sequence.
        EmptyBatchError: a mean over no sequences.
        ArgumentError: another reduction, or a blank that is no class.

    Example:
        >>> import xdl
        >>> halves = xdl.log([[0.5, 0.5], [0.5, 0.5]])  # 3 of 4 read as the label 1
        >>> xdl.exp(-xdl.ctc_loss(halves, [1], 2, 1))
        Variable(0.75, dtype=float32)

    Reference: Graves et al., "Connectionist Temporal Classification", 2006, equations
    (3) to (15), in logarithms.
    """
    op = CtcLoss(blank, reduction, zero_infinity)
    log_probs, targets = as_operand(log_probs), as_operand(targets)
    lengths = [
        reshape(a, (1,)) if a.ndim == 0 else a
        for a in map(as_operand, (input_lengths, target_lengths))
    ]
    is_one = log_probs.ndim == 2
    if is_one:
        log_probs = expand_dims(log_probs, 1)
        targets = expand_dims(targets, 0) if targets.ndim == 1 else targets
    elif targets.ndim == 1:
        targets = _one_row_each(op, targets, lengths[1])
    if sample_weight is None:
        loss = op(log_probs, targets, *lengths)
    else:
        loss = _by_samples(op, log_probs, (targets, *lengths), sample_weight)
    return reshape(loss, ()) if is_one and reduction == "none" else loss


def _by_samples(op, log_probs, rest, sample_weight):
    """Return the loss of weighted sequences; a mean takes each loss by the label."""
    each, labels = CtcLoss(op.blank, "none", op.zero_infinity), None
    if op.reduction == "mean":
        weight, labels = as_variable(sample_weight), maximum(rest[-1], 1)
        check_samples(op, weight.shape, log_probs.shape[1:2])
        sample_weight = weight / labels
    factors = None if labels is None else lambda targets: labels
    given = (log_probs,), rest, sample_weight, op.reduction
    return by_samples(each, *given, factors, axis=1)


def _one_row_each(op, targets, lengths):
    """Return labels that stand one after the other as rows; it reads the lengths.

    Raises:
        ShapeError: there are more or fewer of them.
    """
    counts = backend.to_numpy(as_variable(lengths).value).tolist()
    starts = [0, *itertools.accumulate(counts)]
    if min(counts, default=0) < 0 or starts[-1] != targets.shape[0]:
        raise ShapeError(
            f"{op}: targets {tuple(targets.shape)} came, needed one label for each of "
            f"the target_lengths, together {starts[-1]}"
        )
    most = max(counts, default=0)
    index = [
        [start + i if i < count else 0 for i in range(most)]
        for start, count in zip(starts, counts, strict=False)
    ]
    if not most:
        return reshape(targets, (len(counts), 0))
    return getitem(targets, (index,))
