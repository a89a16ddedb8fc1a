"""GradScaler: losses are scaled, so that gradients fit into float16."""

from types import TracebackType
from typing import Annotated, Self

from xdl.arguments import kind
from xdl.backend import NAMESPACES
from xdl.core.parameter import refuse
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, GraphError, NonFiniteError
from xdl.optim.clip import replace_gradients, with_gradients
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Checked, Positive, PositiveInt, Range, Whole
from xdl.recording import current
from xdl.uninterrupted import Uninterrupted

_LEAST, _MOST = 2.0**-24, 2.0**127  # a larger one is infinite in float32
_COUNT = Whole(0)


class GradScaler(Checked):
    """Dynamic loss scaling, for ``xdl.autocast("float16")``.

    float16 has no numbers below 6e-8 and above 65,504: small gradients vanish in its
    products. So the loss is multiplied by a scale, and gradients divided by it. A step
    in a ``with`` block whose gradients overflow is left out, as if the batch had never
    come, and the scale becomes smaller; after many good ones it becomes larger.

    Args:
        optimizer: the Optimizer of the step.
        init_scale: the first scale, > 0; default 65536.
        growth_factor: what the scale is multiplied by, > 1; default 2.
        backoff_factor: what it is multiplied by after an overflow, in (0, 1); default
            0.5.
        growth_interval: after so many steps without one it grows; default 2000.

    Attributes:
        current_scale: the scale now.
        good_steps: how many steps there were since it changed.
        was_skipped: whether the last step was left out.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import numpy as np, xdl
        >>> model = xdl.models.LinearModel(3, 2)
        >>> optimizer = xdl.SGD(model, lr=0.1)
        >>> scaler = xdl.optim.GradScaler(optimizer, init_scale=2.0**24)
        >>> def step(x, target):
        ...     with xdl.autocast("float16"):
        ...         model.forward(x)
        ...         loss = model.loss(target)
        ...     scaler.scale(loss).backward()
        ...     scaler.unscale()
        ...     optimizer.update()
        ...     return loss
        >>> step = xdl.compile(step, model, optimizer, scaler)
        >>> for _ in range(2):
        ...     with scaler:
        ...         loss = step(np.ones((1, 3), np.float32), np.array([1]))
        ...     print(scaler.was_skipped, scaler.current_scale)
        True 8388608.0
        True 4194304.0

    Reference: Micikevicius et al., "Mixed Precision Training", 2018, section 3.2.
    """

    ranges = {"current_scale": Range(includes_low=False)}

    def __init__(
        self,
        optimizer: Optimizer,
        init_scale: Positive = 65536.0,
        growth_factor: Annotated[float, Range(1.0, includes_low=False)] = 2.0,
        backoff_factor: Annotated[float, Range(0.0, 1.0, False)] = 0.5,
        growth_interval: PositiveInt = 2000,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(
                f"GradScaler: {kind(optimizer)} came, needed an Optimizer"
            )
        self.optimizer = optimizer
        self.init_scale = self.current_scale = init_scale
        self.growth_factor, self.backoff_factor = growth_factor, backoff_factor
        self.growth_interval = growth_interval
        self.good_steps, self.was_skipped = 0, False

    def scale(self, loss: Variable) -> Variable:
        """Return a loss times the scale; call ``backward`` on that.

        Raises:
            ArgumentError: no Variable came.
            GraphError: a step that is compiled does not have the GradScaler as state.
        """
        if not isinstance(loss, Variable):
            raise ArgumentError(f"GradScaler.scale: {kind(loss)} came, needed a loss")
        self._refuse_unless_known()
        return loss * self.current_scale

    def unscale(self) -> None:
        """Divide the gradients of the optimizer's weights by the scale, all or none.

        Call it once, after the backward (or all that add up), and before gradients are
        clipped and the optimizer's update.

        Raises:
            GraphError: as for ``scale``.
        """
        self._refuse_unless_known()
        found = with_gradients("GradScaler", self.optimizer)
        inverse, gradients = 1.0 / self.current_scale, []
        for _, grad in found:
            with NAMESPACES[type(grad)].quiet():
                gradients.append(grad * inverse)
        replace_gradients(found, gradients)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_class: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """End a step: note that it was good, or leave it out if gradients overflowed.

        The error that an update raised is passed on where the scale cannot be the
        reason: it has become very small.
        """
        is_overflow = isinstance(error, NonFiniteError)
        if error is not None and not is_overflow:
            return False
        with Uninterrupted():
            self.was_skipped = is_overflow
            self.good_steps += 1
            if is_overflow:
                self.optimizer.zero_grad()
                self._multiply(self.backoff_factor)
            elif self.good_steps >= self.growth_interval:
                self._multiply(self.growth_factor)
        return is_overflow and self.current_scale > _LEAST

    def _multiply(self, factor):
        scale = self.current_scale * factor
        self.current_scale, self.good_steps = min(max(scale, _LEAST), _MOST), 0

    def _refuse_unless_known(self):
        if (recording := current()) is not None and self not in recording.owners:
            raise GraphError(
                "compile: GradScaler is not in the state of the step; give it to "
                "xdl.compile"
            )

    def state_dict(self) -> dict[str, object]:
        """Return a dict of the options, of the scale and of the count of steps."""
        return {**self.options(), "good_steps": self.good_steps}

    def misfits(self, saved: object) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        if not isinstance(saved, dict):
            return self.misfit_options(saved)
        options = {name: v for name, v in saved.items() if name != "good_steps"}
        faults = self.misfit_options(options)
        try:
            _COUNT.checked("good_steps", saved.get("good_steps"))
        except ArgumentError as error:
            faults.append(str(error))
        return faults

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Take over what ``state_dict`` returned: all of it, or nothing.

        Raises:
            CheckpointError: a name is missing or unknown, or a value is out of its
                range.
        """
        refuse(self, self.misfits(saved))
        with Uninterrupted():
            self.take_options(saved)
            self.good_steps = _COUNT.checked("good_steps", saved["good_steps"])
