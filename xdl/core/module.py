"""Module and Model: what owns weights and computes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

from xdl.arguments import explain_init, explained, has_run, misfit
from xdl.backend.pending import moment, put_back
from xdl.core import debug, mode
from xdl.core.option import switch
from xdl.core.parameter import IncompatibleKeys, Parameter, held_in, load
from xdl.core.shown import escaped, table
from xdl.core.variable import Variable
from xdl.elsewhere import OF_MODULES, point_elsewhere
from xdl.errors import ArgumentError, GraphError
from xdl.recording import count_revision
from xdl.typing import Array, ArrayLike

if TYPE_CHECKING:
    _Inputs = ParamSpec("_Inputs")
    _Output = TypeVar("_Output", covariant=True)

    class _Forward(Protocol[_Inputs, _Output]):
        """What has a method ``forward``."""

        def forward(
            self, *inputs: _Inputs.args, **options: _Inputs.kwargs
        ) -> _Output: ...

    class _Call:
        """What calls ``forward`` takes what it takes, and gives what it gives."""

        def __get__(
            self, module: _Forward[_Inputs, _Output], owner: Any = None
        ) -> Callable[_Inputs, _Output]: ...

    class _Loss(Protocol):
        """What a loss layer has."""

        @property
        def loss(self) -> Callable[..., Variable]: ...
        def forward(self, output: Any) -> Any: ...
        def backward(self) -> None: ...


class Module:
    """The base of layers and models: an object that owns a ``Parameter``.

    A Module that is stored as an attribute (or in a list, tuple or dict that is one)
    has its Parameter mounted under that name, so ``SGD(model.parameter)`` sees every
    weight once. So has a Variable that you made: it is trained if it is trainable, and
    saved in any case. Results of operations are attributes like any other; so are
    copies by ``detach()``, for what is to be kept and is no weight.

    A Variable that is set in the place of another takes over its name; an attribute
    that is deleted, or set to None, gives its Variable up. Lists and dicts may change
    at any time: from its next step on an optimizer trains what is there then.

    Attributes:
        parameter: the store of its own and all mounted Variables.
        is_training: True after ``train()``, False after ``eval()``; True at first.
        trainable: whether any weight is; setting it freezes, or thaws, all of them.

    Example:
        >>> import xdl
        >>> class Affine(xdl.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.weight = self.parameter.get_variable("weight", [3, 2])
        ...     def forward(self, x):
        ...         return x @ self.weight
        >>> class Deep(xdl.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layers = [Affine()]
        ...     def forward(self, x):
        ...         return self.layers[0](x)
        >>> list(Deep().parameter)
        ['layers/0/weight']
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        explain_init(cls)

    @explained
    def __init__(self) -> None:
        self.parameter = Parameter()
        self.parameter._grows = True
        self.is_training = True

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: forward is not defined")

    if TYPE_CHECKING:
        __call__ = _Call()  # of the type of ``forward``
    else:

        def __call__(self, *inputs, **options):
            """Call ``forward``; in debug mode the layer's name is kept for messages."""
            unusual, began = mode.current(), moment()
            try:
                if unusual is not None and unusual.checks:
                    return self._call_with_path(inputs, options)
                return self.forward(*inputs, **options)
            except BaseException as error:
                put_back(began)
                if not isinstance(error, TypeError) or has_run(error):
                    raise
                raise _not_taken(self, inputs, options) from None

    def _call_with_path(self, inputs, options):
        token = debug.layer_path.set((*debug.layer_path.get(), self._label()))
        try:
            return self.forward(*inputs, **options)
        finally:
            debug.layer_path.reset(token)

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if type(value) is Variable and (node := value._node) is not None:
            holds = node.op is None  # asked first: every forward sets an output
        elif name == "trainable":
            self._freeze(value)
            return
        else:
            holds = isinstance(value, _HOLDERS) and _may_hold(value)
        if holds and name != "parameter":
            self._mount(name, value)
        elif "parameter" in attributes and name in attributes["parameter"].mounted:
            self._unmount(name, value)
        attributes[name] = value
        is_followed = "_followed" in attributes and name in attributes["_followed"]
        if is_followed or name == "is_training":
            count_revision()  # last: another thread may look at once

    def _freeze(self, trainable):
        self._refuse_unready("trainable")
        self.parameter.trainable = trainable
        count_revision()

    def _refuse_unready(self, name):
        if "parameter" not in self.__dict__:
            raise GraphError(
                f"{type(self).__name__}: call super().__init__() before you set "
                f"{name!r}"
            )

    def _mount(self, name, value):
        self._refuse_unready(name)
        self.parameter.mount(name, value)
        if isinstance(value, Module):
            value.__dict__["_name"] = name

    def _unmount(self, name, value):
        if value is None:
            self.parameter.forget(name)
        else:
            self.parameter.unmount(name)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self.parameter.forget(name)

    def _label(self):
        return self.__dict__.get("_name") or type(self).__name__

    def modules(self) -> Iterator[Module]:
        """Yield this Module and every one inside it, each once, outermost first."""
        seen = {id(self)}
        waiting = [self]
        for module in waiting:  # grows while it is walked
            yield module
            for value in vars(module).values():
                for inner in _modules_in(value):
                    if id(inner) not in seen:
                        seen.add(id(inner))
                        waiting.append(inner)

    def parameters(self) -> Iterator[Variable]:
        """Yield the weights, each once: what is trainable, or frozen.

        No running statistics and other state; ``self.parameter`` has that too.

        Example:
            >>> import xdl
            >>> sum(weight.size for weight in xdl.nn.Linear(3, 2).parameters())
            8
        """
        return (variable for _, variable in self.parameter.weights())

    def named_parameters(self) -> Iterator[tuple[str, Variable]]:
        """Yield pairs of a name, as in ``self.parameter``, and a weight, each once."""
        return self.parameter.weights()

    @property
    def trainable(self) -> bool:
        """Whether any weight is trainable, or there is none.

        To set it freezes, or thaws, all weights of this Module and those inside it, and
        those that are made later. Running statistics go on in training, frozen or not,
        and stop after ``eval()``.

        Example:
            >>> import xdl
            >>> model = xdl.models.MLP([4, 8, 8, 3])
            >>> model.layers[0].trainable = False
            >>> [name for name, weight in model.named_parameters() if weight.trainable]
            ['layers/1/weight', 'layers/1/bias', 'layers/2/weight', 'layers/2/bias']
        """
        return self.parameter.trainable

    def state_dict(self) -> dict[str, Array]:
        """Return a dict from name to a NumPy copy of each Variable."""
        return self.parameter.state_dict()

    def misfits(self, state: object) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        return self.parameter.misfits(state)

    @explained
    def load_state_dict(
        self, state: Mapping[str, ArrayLike], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy values into the Variables: all of them, or none.

        Args:
            state: a mapping from names to arrays, as ``state_dict`` returns it.
            strict: whether the names must be the same ones; default True. False takes
                what both have, and leaves the rest as it is.

        Returns:
            A tuple ``missing_keys, unexpected_keys`` of lists of names.

        Raises:
            CheckpointError: a name is missing or unknown, or an array has another shape
                or dtype; one error lists all, and nothing has changed.

        Example:
            >>> import xdl
            >>> model, twin = xdl.nn.Linear(3, 2), xdl.nn.Linear(3, 2)
            >>> twin.load_state_dict(model.state_dict())
            IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        """
        return load(self, self.parameter, state, strict)

    @explained
    def train(self, mode: bool = True) -> Self:
        """Switch to training behaviour (dropout on, ...); returns this Module.

        Args:
            mode: False switches to prediction, as ``eval`` does; default True.
        """
        return self._set_training(switch(f"{type(self).__name__}.train", mode))

    @explained
    def eval(self) -> Self:
        """Switch to prediction behaviour; returns this Module."""
        return self._set_training(False)

    def _set_training(self, on):
        for module in self.modules():
            module.is_training = on
        return self

    def to(self, device: str) -> Self:
        """Move all weights to a device, in place; returns this Module."""
        self.parameter.to(device)
        return self

    @recursive_repr("...")
    def __repr__(self) -> str:
        held = vars(self).items()
        parts = [part for name, value in held for part in _named(name, value)]
        if not parts:
            return f"{type(self).__name__}()"
        lines = [f"  {part}".replace("\n", "\n  ") for part in parts]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])

    def _repr_html_(self):
        """Return what a notebook shows: what it is made of, and its weights."""
        foot = f"{self.parameter.size:,} trainable parameters"
        return f"<pre>{escaped(repr(self))}</pre>{table(self._rows(), foot)}"

    def _rows(self):
        """Return the head and the rows of a table of the weights."""
        rows = [
            (
                name,
                str(v.shape),
                str(v.dtype),
                f"{v.size:,}" + ("" if v.trainable else " (frozen)"),
            )
            for name, v in self.parameter.items()
        ]
        return [("name", "shape", "dtype", "size"), *rows]

    def summary(self) -> str:
        """Return a text table of the weights: name, shape, dtype and size."""
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(w) for cell, w in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "-" * max(map(len, lines)))
        return "\n".join([*lines, f"{self.parameter.size:,} trainable parameters"])


point_elsewhere(Module, OF_MODULES)


def _not_taken(module, inputs, options):
    """Return the error for a call that ``forward`` does not take."""
    error = misfit(module.forward, inputs, options, f"{type(module).__name__}.forward")
    if len(inputs) > 1 and hasattr(module, "loss"):
        return ArgumentError(f"{error}; give the target to loss(target)")
    return error


def _named(name, value):
    """Yield a line for each Module and weight that an attribute is or holds."""
    if isinstance(value, Module):
        yield f"{name}: " + repr(value).removesuffix(f' "{name}"')
    elif type(value) is Variable and value._is_made:
        yield f"{name}: {value.shape}"
    elif isinstance(value, list | tuple | dict):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from _named(f"{name}/{key}", item)


_HOLDERS = (Variable, Module, Parameter, list, tuple, dict)


def _may_hold(value):
    """Tell whether it holds weights, or may later: a tuple never gets any, a list may.

    So may a tuple of lists.
    """
    if type(value) is Variable:
        return value._is_made
    if type(value) is not tuple:
        return True
    lists: list[Any] = []
    return any(held_in(value, "", lists)) or bool(lists)


class Model(Module):
    """A Module with a loss: what is trained.

    A subclass sets ``self.loss_ops`` to a loss layer (``xdl.nn.SoftmaxLoss()``, ...)
    and defines ``forward``, which keeps its result as ``self.output``.

    Example:
        >>> import xdl
        >>> model = xdl.models.LinearModel(4, 3)
        >>> output = model.forward([[1.0, 2.0, 3.0, 4.0]])
        >>> loss = model.loss([2])
        >>> model.backward()
        >>> model.W.grad.shape
        (4, 3)
    """

    loss_ops: _Loss
    output: Variable

    def loss(self, target: Any, sample_weight: ArrayLike | None = None) -> Variable:
        """Return the mean loss of the last ``forward`` against ``target``.

        Args:
            target: what the loss layer takes.
            sample_weight: None, or a factor for each sample (n,): the mean is divided
                by the sum of the factors.

        Raises:
            GraphError: ``forward`` was not called or did not set ``self.output``, or
                there is no ``self.loss_ops``.
        """
        try:
            loss_ops, output = self.loss_ops, self.output
        except AttributeError as error:
            raise _not_set(self, error) from None
        loss_ops.forward(output)
        if sample_weight is None:
            return loss_ops.loss(target)
        return loss_ops.loss(target, sample_weight)

    def backward(self) -> None:
        """Compute the gradients of the last loss by every weight.

        Raises:
            GraphError: ``loss`` was not called before.
        """
        try:
            loss_ops = self.loss_ops
        except AttributeError as error:
            raise _not_set(self, error) from None
        loss_ops.backward()


_SETTERS = {
    "loss_ops": "let __init__ set it to a loss layer",
    "output": "call forward(x) first, and let forward set it to its result",
}


def _not_set(model, error):
    """Return the error for what a subclass of Model has to set, and has not."""
    if error.obj is not model or error.name not in _SETTERS:
        return error
    remedy = _SETTERS[error.name]
    return GraphError(
        f"{type(model).__name__}: there is no self.{error.name}; {remedy}"
    )


def _modules_in(value):
    if isinstance(value, Module):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _modules_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _modules_in(item)
