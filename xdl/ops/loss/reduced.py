"""What losses share: inputs of one shape, and how the losses of a batch become one."""

import math

from xdl import backend
from xdl.core.case import BadCase, Case
from xdl.core.op import Op, broadcast_shapes
from xdl.errors import (
    ArgumentError,
    DtypeError,
    EmptyBatchError,
    LabelError,
    ShapeError,
)

REDUCTIONS = ("mean", "sum", "none")
REFUSED = (
    BadCase([(4,), (4, 1)], ShapeError, "x (4,) and target (4, 1)"),
    BadCase([(4, 1), (1, 4)], ShapeError, "x (4, 1) and target (1, 4)"),
    BadCase([(0, 3), (0, 3)], EmptyBatchError, "empty batch"),
    BadCase([(2,), (2,)], ArgumentError, "reduction 'max'", {"reduction": "max"}),
)
PAIRS = (
    Case([(2, 3), (2, 3)]),
    Case([(4,), (4,)], {"reduction": "sum"}),
    Case([(2, 3), (2, 3)], {"reduction": "none"}),
    Case([(), ()]),
    Case([(0, 3), (0, 3)], {"reduction": "sum"}),
    *REFUSED,
)


class ReducedLoss(Op):
    """A loss for every element or sample, and what is made of them all.

    Args:
        reduction: "mean" (default), "sum", or "none".
    """

    floating = True
    reductions: tuple[str, ...] = REDUCTIONS

    def __init__(self, reduction="mean"):
        self.reduction = checked_reduction(self, reduction, self.reductions)

    def shape(self, x_shape, *shapes):
        first, *others = self.names_for((x_shape, *shapes))
        for name, shape in zip(others, shapes, strict=True):
            if tuple(shape) != tuple(x_shape):
                raise two_shapes(self, first, x_shape, name, shape)
        return self._reduced_shape(x_shape)

    def flops(self, y_shape, x_shape, *shapes):
        return 3 * math.prod(x_shape)

    def _reduced_shape(self, losses_shape):
        return tuple(losses_shape) if self.reduction == "none" else ()

    def _reduced(self, xp, losses):
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return xp.sum(losses)
        return xp.sum(losses) / self._count(losses.shape)

    def _spread(self, gy, losses_shape):
        """Return the gradient by each loss: an array, or a number for all of them."""
        if self.reduction in ("none", "sum"):
            return gy
        return gy / self._count(losses_shape)

    def _count(self, losses_shape):
        count = math.prod(losses_shape)
        if not count:
            raise EmptyBatchError(f"{self}: an empty batch {losses_shape} has no mean")
        return count


def checked_reduction(op, reduction, known=REDUCTIONS):
    """Return a reduction.

    Raises:
        ArgumentError: it is none of those that are known.
    """
    if reduction not in known:
        raise ArgumentError(
            f"{type(op).__name__}: reduction {reduction!r} came, needed one of "
            f"{', '.join(known)}"
        )
    return reduction


def check_weight(op, name, shape, x_shape):
    """Refuse a weight that does not broadcast to the shape of ``x``.

    Raises:
        ShapeError: as said; ``x`` itself is never broadcast.
    """
    if shape is not None and broadcast_shapes(op, [shape, x_shape]) != tuple(x_shape):
        raise ShapeError(
            f"{op}: {name} has shape {tuple(shape)}, needed one that broadcasts to "
            f"{tuple(x_shape)}"
        )


def two_shapes(who, first, x_shape, name, shape):
    """Return the error for two arrays of which a loss needs one shape."""
    x_shape, shape = tuple(x_shape), tuple(shape)
    is_turned = math.prod(x_shape) == math.prod(shape)
    hint = f": {name}.reshape({x_shape})" if is_turned else ""
    return ShapeError(
        f"{who}: {first} {x_shape} and {name} {shape} came, needed one shape{hint}"
    )


def check_labels_shape(who, name, x_shape, target_shape):
    """Refuse labels of another shape than one for each row of scores.

    Raises:
        ShapeError: as said; it knows one-hot targets, columns and swapped inputs.
    """
    x_shape, target_shape = tuple(x_shape), tuple(target_shape)
    if x_shape and target_shape == x_shape[:-1]:
        return
    hint = ""
    if target_shape == x_shape:
        hint = "; one-hot targets become labels by target.argmax(axis=-1)"
    elif target_shape == (*x_shape[:-1], 1):
        hint = "; a column becomes a row by target[..., 0]"
    elif target_shape[:-1] == x_shape:
        hint = f"; {name} come before the target"
    raise ShapeError(
        f"{who}: target has shape {target_shape}, needed {x_shape[:-1]} for {name} "
        f"{x_shape}{hint}"
    )


def counted(xp, weight, *arrays):
    """Return the arrays, 0 where there is a weight of 0."""
    if weight is None:
        return arrays
    return tuple([xp.zero_unless(weight != 0, array) for array in arrays])


def check_signs(op, xp, target):
    """Refuse labels that are neither -1 nor 1.

    Raises:
        DtypeError, LabelError: as the names say.
    """
    if not backend.is_integer(target):
        name = backend.dtype_name(target.dtype)
        raise DtypeError(f"{op}: target is {name}, needed integer labels, -1 or 1")
    try:
        xp.check_indices(xp.abs(target) - 1, 1, op, LabelError)
    except LabelError:
        raise LabelError(
            f"{op}: target holds other labels than -1 and 1; from labels 0 and 1 they "
            "are 2 * target - 1"
        ) from None
