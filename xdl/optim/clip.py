"""Clipping: gradients are made smaller before an update."""

from xdl import backend
from xdl.arguments import explained
from xdl.backend import NAMESPACES, pending
from xdl.backend.squares import is_usual, scale_for
from xdl.core.option import plain
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError, NonFiniteError
from xdl.optim.ranges import Range
from xdl.optim.weights import Weights
from xdl.uninterrupted import Uninterrupted

_POSITIVE = Range(includes_low=False)


@explained
def clip_grad_norm(parameter: Weights, max_norm: float) -> Variable:
    """Scale all gradients so that their 2-norm, as one vector, is ``max_norm`` at most.

    They are multiplied by ``max_norm / (norm + 1e-6)`` where that is less than 1. The
    gradients become new arrays: those that were fetched before stay as they were.

    Args:
        parameter: a Parameter, an object that has one as ``parameter`` (a Module, an
            optimizer), or an iterable of Variables; what has no gradient is skipped.
        max_norm: > 0 and finite.

    Returns:
        The norm before, a constant Variable of shape (); 0 if there is no gradient. It
        may be infinite where the gradients are not; they are clipped all the same.

    Raises:
        ArgumentError: ``max_norm`` is out of its range, or what came holds no
            Variables.
        NonFiniteError: a gradient holds NaN or infinity; no gradient has changed. To
            know it, this waits for a GPU once.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([3.0, 4.0])
        >>> (w * w).sum().backward()
        >>> xdl.optim.clip_grad_norm([w], 1.0).item()
        10.0
        >>> w.grad
        array([0.6, 0.8], dtype=float32)

    Reference: Pascanu et al., "On the difficulty of training recurrent neural
    networks", 2013, algorithm 1; the 1e-6 is PyTorch's.
    """
    max_norm = plain("clip_grad_norm", "max_norm", max_norm)
    max_norm = _POSITIVE.checked("clip_grad_norm: max_norm", max_norm)
    found = with_gradients("clip_grad_norm", parameter)
    if not found:
        return Variable(0.0, trainable=False)
    gradients = [grad for _, grad in found]
    xp = NAMESPACES[type(gradients[0])]
    is_wide = any(backend.dtype_name(g.dtype) == "float64" for g in gradients)
    dtype = xp.float64 if is_wide else xp.float32
    with xp.quiet():  # the norm may be larger than all numbers
        total, scale = _norm(xp, gradients, dtype), 1.0
        if not is_usual(xp, total):
            scale = scale_for(xp, _largest(xp, gradients, total))
            total = _norm(xp, [xp.astype(g, dtype) * scale for g in gradients], dtype)
        if xp.has_non_finite(total):
            _refuse_non_finite("clip_grad_norm", found)
        factor = xp.minimum(max_norm * scale / (total + 1e-6 * scale), 1.0)
        total = total / scale
    replace_gradients(
        found, [grad * xp.astype(factor, grad.dtype) for _, grad in found]
    )
    return Variable._of(xp.asarray(total))


@explained
def clip_grad_value(parameter: Weights, clip_value: float) -> None:
    """Clip every element of all gradients into ``[-clip_value, clip_value]``.

    The gradients become new arrays: those that were fetched before stay as they were.

    Args:
        parameter: as for ``clip_grad_norm``.
        clip_value: > 0 and finite.

    Raises:
        ArgumentError: ``clip_value`` is out of its range, or what came holds no
            Variables.
        NonFiniteError: a gradient holds NaN or infinity; no gradient has changed.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([3.0, -0.25])
        >>> (w * w).sum().backward()
        >>> xdl.optim.clip_grad_value([w], 1.0)
        >>> w.grad
        array([ 1. , -0.5], dtype=float32)
    """
    clip_value = plain("clip_grad_value", "clip_value", clip_value)
    limit = _POSITIVE.checked("clip_grad_value: clip_value", clip_value)
    found = with_gradients("clip_grad_value", parameter)
    _refuse_non_finite("clip_grad_value", found)
    clipped = []
    for _, grad in found:
        xp = NAMESPACES[type(grad)]
        clipped.append(xp.minimum(xp.maximum(grad, -limit), limit))
    replace_gradients(found, clipped)


def replace_gradients(found, gradients):
    """Give Variables other gradients, all or none."""
    with Uninterrupted():
        for (variable, _), grad in zip(found, gradients, strict=True):
            variable._node.grad = grad


def with_gradients(who, source):
    """Return pairs of a Variable and its gradient as an array, each Variable once."""
    variables = {id(v): v for v in _variables_of(who, source)}.values()
    pairs = [(v, v.grad) for v in variables]
    return [(v, array_of(grad)) for v, grad in pairs if grad is not None]


def _variables_of(who, source):
    if isinstance(getattr(source, "parameter", None), Parameter):
        source = source.parameter
    if isinstance(source, Parameter):
        return list(source.values())
    if isinstance(source, Variable) or not hasattr(source, "__iter__"):
        raise ArgumentError(
            f"{who}: {type(source).__name__} came, needed a Parameter, a Module or an "
            "iterable of Variables"
        )
    variables = list(source)
    for i, variable in enumerate(variables):
        if not isinstance(variable, Variable):
            raise ArgumentError(
                f"{who}: item {i} is {type(variable).__name__}, needed a Variable"
            )
    return variables


def _refuse_non_finite(who, found):
    for variable, grad in found:
        if NAMESPACES[type(grad)].has_non_finite(grad):
            pending.put_back()
            raise NonFiniteError(
                f"{who}: the gradient of {variable._label()} {variable.shape} holds "
                "NaN or infinity; no gradient was changed. To go on without this "
                "batch, clear them: optimizer.zero_grad(). xdl.set_debug(True) finds "
                "the operation"
            )


def _norm(xp, gradients, dtype):
    """Return the 2-norm of all gradients, 0-d of ``dtype``."""
    total = 0.0
    for grad in gradients:
        if grad.dtype.itemsize == 2:  # squares of 256 overflow in 16 bits
            grad = xp.astype(grad, dtype)
        total = total + xp.astype(xp.sum(grad * grad), dtype)
    return xp.sqrt(total)


def _largest(xp, gradients, total):
    """Return the largest magnitude of all gradients, 0-d; of none ``total``."""
    found = [xp.max(xp.abs(g)) for g in gradients if g.size]
    found = [xp.astype(x, total.dtype) for x in found]
    return xp.max(xp.stack(found)) if found else total
