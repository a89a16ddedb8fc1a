"""L-BFGS: steps along directions that know the curvature."""

from collections.abc import Callable
from typing import Annotated

from xdl import backend
from xdl.arguments import kind
from xdl.backend import NAMESPACES, pending
from xdl.core.variable import Variable, array_of
from xdl.core.watch import Watch
from xdl.errors import ArgumentError, DeviceError, GraphError, NonFiniteError
from xdl.optim.line_search import Point, strong_wolfe
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Maybe, NonNegative, OneOf, PositiveInt, Whole
from xdl.optim.weights import Weights, are_groups
from xdl.recording import current
from xdl.uninterrupted import Uninterrupted

_LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    """L-BFGS: quasi-Newton steps from the last changes of weights and gradients.

    For losses that are the same function at every call, such as those of a whole data
    set that is not large. An ``update`` makes up to ``max_iter`` iterations, each of
    which needs the loss and its gradient once or more: they come from a function, the
    closure. It computes the loss, calls its ``backward``, and returns it. What is
    computed in between is computed in float64. It cannot be compiled; the closure can.

    Args:
        parameter: a Parameter, a Module, or an iterable of trainable Variables.
        lr: what a direction is multiplied by at first; default 1.
        max_iter: iterations of an update; default 20.
        max_eval: calls of the closure in an update; default 1.25 ``max_iter``.
        tolerance_grad: the largest element of a gradient of 0; default 1e-7.
        tolerance_change: the least change of the loss and of the weights that is one;
            default 1e-9.
        history_size: how many changes are known; default 10.
        line_search_fn: "strong_wolfe" (default), or None: each step is ``lr`` long.

    Raises:
        ArgumentError: a value is out of its range, there is nothing trainable, or
            groups came.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([-1.0, 2.0])
        >>> optimizer = xdl.optim.LBFGS([w])
        >>> def closure():
        ...     loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(3):
        ...     loss = optimizer.update(closure)
        >>> w.numpy().round(3)
        array([1., 1.], dtype=float32)

    Reference: Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4 and
    7.5; Liu and Nocedal, "On the limited memory BFGS method", 1989; options as in
    PyTorch.
    """

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 1.0,
        max_iter: PositiveInt = 20,
        max_eval: Annotated[int | None, Maybe(Whole())] = None,
        tolerance_grad: NonNegative = 1e-7,
        tolerance_change: NonNegative = 1e-9,
        history_size: PositiveInt = 10,
        line_search_fn: Annotated[
            str | None, Maybe(OneOf("strong_wolfe"))
        ] = "strong_wolfe",
    ) -> None:
        if are_groups(parameter):
            raise ArgumentError("LBFGS: groups came, needed weights with one direction")
        self.max_iter, self.max_eval = max_iter, max_eval
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change
        self.history_size, self.line_search_fn = history_size, line_search_fn
        super().__init__(parameter, lr)

    def admit(self, name: str, value: object) -> None:
        if name == "history_size" and value != getattr(self, name, value):
            raise ArgumentError(
                f"LBFGS.history_size: {value} came, needed it at construction, when "
                "the state for it is made"
            )

    def update(self, *closure: Callable[[], Variable]) -> Variable:
        """Change all weights so that the loss falls, then clear all gradients.

        All of it is done, or nothing: after an error the weights are what they were.

        Args:
            *closure: one function, which computes the loss, calls ``backward``, and
                returns the loss. Gradients are cleared before each call.

        Returns:
            What the closure returned at first.

        Raises:
            ArgumentError: there is no closure.
            GraphError: no Variable has a gradient after it, or a step is recorded.
            NonFiniteError: the loss, or a gradient, holds NaN or infinity at first.
        """
        return self._update(closure, clears=True)

    def step(self, *closure: Callable[[], Variable]) -> Variable:
        """Change all weights as ``update`` does, and keep the last gradients."""
        return self._update(closure, clears=False)

    def look_again(self) -> None:
        """Have state for the trainable weights; it starts anew where they change."""
        found = [v for v in self.parameter.values() if v.trainable]
        before = [variable for variable, _ in self._slots]
        is_moved = found and any(
            v.device != found[0].device for v in [*found, *self.state.values()]
        )
        if (
            list(map(id, found)) == list(map(id, before))
            and self.state
            and not is_moved
        ):
            return
        if len({variable.device for variable in found}) > 1:
            raise DeviceError("LBFGS: weights on several devices came, needed one")
        size, most = sum(variable.size for variable in found), self.history_size
        device = found[0].device if found else "cpu"
        shapes: dict[str, int | tuple[int, int]] = {
            "last_step": size,
            "last_grad": size,
            "counts": 2,
        }
        shapes |= {"steps": (most, size), "changes": (most, size)}
        held = {}
        for name, shape in shapes.items():
            zeros = NAMESPACES[type(backend.from_python(0.0))].full(shape, 0.0)
            held[name] = Variable(zeros, name, False, "float64").to(device)
        self.state.hold(held)
        self._slots = [(variable, ()) for variable in found]
        self._watch = Watch(self.parameter)

    def _update(self, others, clears):
        if len(others) != 1 or not callable(others[0]):
            came = ", ".join(map(kind, others)) or "nothing"
            raise ArgumentError(
                f"LBFGS: {came} came, needed a closure: a function that computes the "
                "loss, calls backward and returns it"
            )
        if current() is not None:
            raise GraphError(
                "compile: LBFGS calls its closure as often as it needs, which no "
                "program can; call update outside, and compile the closure"
            )
        self.look_again()
        before = self._weights(), self.state.state_dict()
        try:
            first = self._minimize(others[0])
        except BaseException:
            with Uninterrupted():
                self._write(before[0])
                self.state.load_state_dict(before[1])
            raise
        pending.settle()
        if clears:
            self._forget_gradients()
        return first

    def _minimize(self, closure):
        evaluations = _Evaluations(self, closure)
        x, (loss, grad) = self._weights(), evaluations.at_first()
        most = self.max_eval or max(self.max_iter * 5 // 4, self.max_iter + 1)
        for _ in range(self.max_iter):
            if _largest(grad) <= self.tolerance_grad:
                break
            direction, t = self._direction(grad)
            slope = float((grad * direction).sum())
            if slope >= 0 or evaluations.count >= most:
                break
            start = Point(0.0, loss, slope, grad)
            left = most - evaluations.count
            end = self._end(evaluations.along(x, direction), start, t, direction, left)
            change = end.t * direction
            self._keep(change, grad)
            x, is_small = x + change, self._is_small(change, end.loss - loss)
            loss, grad = end.loss, end.grad
            if is_small:
                break
        self._write(x)
        return evaluations.first

    def _end(self, evaluate, start, t, direction, left):
        if self.line_search_fn is None:
            return evaluate(t)
        narrow = self.tolerance_change / _largest(direction)
        noise = self._rounding() * abs(start.loss)
        return strong_wolfe(evaluate, start, t, left, narrow, noise)

    def _rounding(self):
        """Return what losses are rounded by: those of narrower weights by more."""
        kinds = {backend.dtype_name(variable.dtype) for variable, _ in self._slots}
        return 2.0**-52 if kinds == {"float64"} else 2.0**-23

    def _is_small(self, change, fall):
        least = self.tolerance_change
        return _largest(change) <= least or abs(fall) < least

    def _direction(self, grad):
        """Return the direction of the next step, and the length to try first."""
        state = {name: array_of(variable) for name, variable in self.state.items()}
        counts, steps, changes = state["counts"], state["steps"], state["changes"]
        if not counts[0]:
            return -grad, min(1.0, 1.0 / float(abs(grad).sum())) * self.lr
        change = grad - state["last_grad"]
        if float((change * state["last_step"]).sum()) > _LEAST_CURVATURE:
            place = int(counts[1]) % self.history_size
            steps[place], changes[place] = state["last_step"], change
            counts[1] += 1
        return -self._times_inverse(grad, steps, changes, int(counts[1])), self.lr

    def _times_inverse(self, grad, steps, changes, count):
        """Return the gradient times the inverse of the curvature: the two loops."""
        newest_first = range(count - 1, max(count - self.history_size, 0) - 1, -1)
        rows = [i % self.history_size for i in newest_first]
        q, parts = grad, []
        for row in rows:
            part = (steps[row] * q).sum() / (changes[row] * steps[row]).sum()
            q = q - part * changes[row]
            parts.append(part)
        if rows:
            s, y = steps[rows[0]], changes[rows[0]]
            q = q * ((s * y).sum() / (y * y).sum())
        for row, part in zip(reversed(rows), reversed(parts), strict=True):
            s, y = steps[row], changes[row]
            q = q + s * (part - (y * q).sum() / (y * s).sum())
        return q

    def _keep(self, change, grad):
        state = {name: array_of(variable) for name, variable in self.state.items()}
        state["last_step"][...], state["last_grad"][...] = change, grad
        state["counts"][0] += 1

    def _weights(self):
        return self._flat([array_of(variable) for variable, _ in self._slots])

    def _gradients(self):
        """Return the gradient as one vector; 0 of what has none."""
        found = [variable.grad for variable, _ in self._slots]
        if all(grad is None for grad in found):
            raise GraphError(
                "LBFGS: no Variable has a gradient; call backward in the closure"
            )
        values = [array_of(variable) for variable, _ in self._slots]
        pairs = zip(found, values, strict=True)
        return self._flat([0 * v if g is None else array_of(g) for g, v in pairs])

    def _flat(self, arrays):
        xp = NAMESPACES[type(arrays[0])]
        flat = [xp.reshape(xp.astype(array, xp.float64), (-1,)) for array in arrays]
        return xp.concat(flat)

    def _write(self, flat):
        at = 0
        for variable, _ in self._slots:
            part = flat[at : at + variable.size]
            xp = NAMESPACES[type(part)]
            part = xp.reshape(xp.astype(part, variable.dtype), variable.shape)
            variable.value = part
            at += variable.size


def _largest(vector):
    xp = NAMESPACES[type(vector)]
    return float(xp.max(xp.abs(vector))) if vector.size else 0.0


class _Evaluations:
    """Calls of a closure, and how many there were."""

    def __init__(self, optimizer, closure):
        self._optimizer, self._closure, self.count = optimizer, closure, 0

    def at_first(self):
        """Return loss and gradient of the weights as they are."""
        self.first, grad = self._called()
        loss = float(self.first)
        if not (abs(loss) < float("inf") and float(abs(grad).sum()) < float("inf")):
            raise NonFiniteError(
                "LBFGS: the loss or its gradient holds NaN or infinity; no weight was "
                "changed"
            )
        return loss, grad

    def along(self, x, direction):
        """Return a function of the length of a step that returns its Point."""

        def evaluate(t):
            self._optimizer._write(x + t * direction)
            loss, grad = self._called()
            return Point(t, float(loss), float((grad * direction).sum()), grad)

        return evaluate

    def _called(self):
        self._optimizer._forget_gradients()
        self.count += 1
        return self._closure(), self._optimizer._gradients()
