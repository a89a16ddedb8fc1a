"""Op: all that is known of an operation, in one class."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from xdl.arguments import Function, explained, failed, has_run, is_ours, misfit
from xdl.backend import NAMESPACES
from xdl.core.call import caller, function_calling
from xdl.core.case import Cases, Counterpart, Onnx
from xdl.core.option import PLAIN, plain_options
from xdl.core.signature import Signature, parameters
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, GraphError, ShapeError, XdlError

if TYPE_CHECKING:
    from xdl.core.onnx import OnnxGraph


class _Called:
    """``op.__signature__``: what a call takes, for ``help`` and for error messages."""

    def __get__(self, op, cls):
        if op is None:  # that of the class is its constructor's
            return None
        import inspect  # 5 ms of `import xdl`

        takes, kind = op.signature, inspect.Parameter.POSITIONAL_OR_KEYWORD
        given = [inspect.Parameter(name, kind) for name in takes.inputs]
        optional = given[takes.required :]
        given[takes.required :] = [p.replace(default=None) for p in optional]
        if takes.is_variadic:
            star = inspect.Parameter.VAR_POSITIONAL
            given[-1] = inspect.Parameter(takes.inputs[-1], star)
        return inspect.Signature(given)


class Op:
    """An operation: a value without state, called like a function.

    A subclass says all there is to know of it:

    - ``compute(self, xp, *inputs)`` returns the output array; or, where ``residuals``
      names more results, a tuple of the output and these.
    - ``gradient(self, xp, gy, ...)`` returns a gradient, or None, for each input. Its
      parameter names are the list of what is kept for it: inputs by name, ``y`` the
      output, ``<input>_shape``, ``<input>_dtype``, the residuals, and ``wanted`` (a
      tuple of bool: for which inputs a gradient is asked for).
    - ``shape(self, *shapes)`` returns the output's shape from the inputs' or raises a
      ShapeError; the default is broadcasting.
    - ``onnx``, ``cases`` and the docstring.
    - ``reference`` and ``torch``, where the function of this name in NumPy or PyTorch
      does not compute the same; the tests read both.

    Attributes:
        residuals: names of what ``compute`` returns beside the output.
        own_dtype: names of the inputs (indices, labels) whose dtype is their own,
            apart from the floating dtype that the others share.
        conditions: names of the inputs that are true or false: ``compute`` gets
            booleans, made of numbers by their truth (what is not 0 is true, NaN too).
            No gradient flows to them.
        kept_for: ``{"x": "w"}`` says that input x is kept only if a gradient for
            input w is wanted.
        floating: integers are taken as the default floating dtype.
        refuses_integers: integers beside floating numbers are a DtypeError.
        refuses_unsigned: unsigned integers and booleans are a DtypeError.
        takes_numbers: ``compute`` takes Python numbers beside arrays.
        moves: ``compute`` moves numbers and computes none, so it takes those of 16 bits
            as they are; every other ``compute``, and every ``gradient``, gets float32.
        multiplies: it is products of matrices, whose inputs ``autocast`` and
            ``set_matmul_precision`` may round.
        is_singular: infinities and NaN are proper results at some inputs, so NumPy's
            warnings are silenced.
        reference: the function of NumPy or SciPy that the operation is compared with,
            as "scipy.special.expit".
        torch: the function of PyTorch, as "nn.functional.relu".

    Example:
        >>> import xdl
        >>> class Cube(xdl.Op):
        ...     def compute(self, xp, x):
        ...         return x * x * x
        ...     def gradient(self, xp, gy, x):
        ...         return (gy * 3 * x * x,)
        >>> x = xdl.Variable(2.0)
        >>> Cube()(x).backward()
        >>> float(x.grad)
        12.0
    """

    residuals: tuple[str, ...] = ()
    own_dtype: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    kept_for: dict[str, str] = {}
    floating: bool = False
    refuses_integers: bool = False
    refuses_unsigned: bool = False
    takes_numbers: bool = False
    moves: bool = False
    multiplies: bool = False
    is_singular: bool = False
    gradient: Callable[..., Any] | None = None
    onnx: str | Onnx | None = None
    reference: str | Counterpart | None = None
    torch: str | Counterpart | None = None
    cases: Cases = ()
    __signature__ = _Called()
    signature: Signature  # what is read from a class when it is made

    def __init_subclass__(cls) -> None:
        if "__init__" in cls.__dict__:
            _put(cls, __init__=_freezing(cls.__init__))
        is_abstract = cls.compute is Op.compute  # what a family of operations shares
        if is_abstract or not {"compute", "gradient"} & cls.__dict__.keys():
            return
        cls.own_dtype = tuple(dict.fromkeys((*cls.own_dtype, *cls.conditions)))
        if cls.is_singular:
            _put(cls, compute=_quiet(cls.compute))
            _put(cls, gradient=cls.gradient and _quiet(cls.gradient))
        cls.signature = Signature(cls)
        _put(cls, __call__=caller(cls))

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if arguments or options:
            name = type(self).__name__
            raise ArgumentError(
                f"{name}: it has no options, its inputs come when it is called: "
                f"{name}()({', '.join(self.signature.inputs)})"
            )
        if type(self).__init__ is Op.__init__:
            self.__dict__["_is_frozen"] = True

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if "_is_frozen" in attributes:
            raise GraphError(
                f"{self}.{name}: an operation is a value and never changes"
            )
        attributes[name] = value

    def __repr__(self) -> str:
        options = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        usual = _defaults(type(self).__init__)
        changed = {k: v for k, v in options.items() if k not in usual or v != usual[k]}
        listed = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        return f"{type(self).__name__}({listed})" if listed else type(self).__name__

    # A subclass says its inputs: the types of the base admit whatever they are.

    def __call__(self, *inputs: Any, **named: Any) -> Variable:
        """Call the operation on Variables, arrays and numbers."""
        raise NotImplementedError(f"{self}: compute is not defined")

    def compute(self, xp: Any, *inputs: Any, **named: Any) -> Any:
        """Return the output of the operation on plain arrays."""
        raise NotImplementedError(f"{self}: compute is not defined")

    def shape(self, *shapes: Any, **named: Any) -> tuple[int, ...]:
        """Return the output's shape; here that of the inputs broadcast together."""
        return broadcast_shapes(self, shapes)

    def flops(self, y_shape: Any, *shapes: Any, **named: Any) -> int | None:
        """Return the floating-point operations of a call; here one per element.

        A shape is None for an input that was left out, or is a constant of which a
        graph knows no more; None is returned where it cannot be told without.
        """
        return math.prod(y_shape)

    def to_onnx(self, graph: OnnxGraph, *inputs: Any, **named: Any) -> str:
        """Write a call of the operation into a graph of ONNX.

        Here it is one node, as ``onnx`` says. An operation that ONNX says in several
        nodes, or otherwise for some of its options, writes its own.

        Args:
            graph: an ``OnnxGraph``; it knows the shapes and dtypes of the inputs.
            *inputs: the names of the inputs, None for those left out.

        Returns:
            The name of the output.

        Raises:
            GraphError: ONNX has no operator for it.
        """
        return graph.add_as(self, self.onnx, inputs)

    def forward(self, variables: list[Any], *more: Any) -> Variable:
        """Call the operation on a list of Variables, in the article's spelling."""
        if more or (type(variables) is not list and hasattr(variables, "shape")):
            raise ArgumentError(
                f"{self}.forward: arrays came, needed one list of them: "
                f"forward([{', '.join(self.signature.inputs)}])"
            )
        return self(*variables)

    def names_for(self, inputs: Sequence[Any]) -> tuple[str, ...]:
        """Return a name for each input of a call."""
        return self.signature.names_for(self, inputs)

    def flops_of(self, node: Any) -> int | None:
        """Return the FLOPs of the call that a node recorded, or None."""
        return self.flops(node.shape, *self.signature.shapes(node))

    def rewrap(self, node: Any, wrap: Callable[[Any, Any], Any]) -> list[Any]:
        """Return what ``node`` kept with its arrays made Variables of the graph again.

        Residuals are computed again from the kept inputs, so that they are part of
        the graph too.
        """
        kept = list(node.kept)
        for i, (kind, which) in enumerate(self.signature.sources):
            if kind == "input" and kept[i] is not None and hasattr(kept[i], "dtype"):
                kept[i] = wrap(kept[i], node.inputs[which])
            elif kind == "inputs":
                parents = node.inputs[which:]
                kept[i] = tuple(map(wrap, kept[i], parents))
            elif kind == "y":
                kept[i] = wrap(kept[i], node)
        if self.residuals:
            inputs = self._kept_inputs(kept)
            results = self.compute(NAMESPACES[Variable], *inputs)
            for i, (kind, which) in enumerate(self.signature.sources):
                if kind == "residual":
                    kept[i] = results[1 + which]
        return kept

    def _kept_inputs(self, kept):
        found = {
            w: k
            for k, (kind, w) in zip(kept, self.signature.sources, strict=True)
            if kind == "input"
        }
        if len(found) != len(self.signature.inputs):
            raise GraphError(
                f"{self}: create_graph needs its inputs, but its gradient keeps "
                "residuals alone"
            )
        return [found[i] for i in range(len(self.signature.inputs))]


def function_of(op_class: type[Op]) -> Callable[[Function], Function]:
    """Return a decorator for the function that calls the operations of a class.

    The class gets the function's documentation where it has none. The function refuses
    calls that do not fit with errors that teach; where it only calls the operation,
    which has no options then, its body never runs: ``core.call`` writes one that takes
    the usual call without a detour. ``op`` is the operation then.

    Example:
        >>> from xdl.core.op import Op, function_of
        >>> class Halve(Op):
        ...     def compute(self, xp, x):
        ...         return x / 2
        >>> @function_of(Halve)
        ... def halve(x):
        ...     "Divide by 2."
        ...     return Halve()(x)
        >>> halve([1.0]), Halve.__doc__
        (Variable([0.5], dtype=float32), 'Divide by 2.')
    """

    def decorate(function: Function) -> Function:
        function.__doc__ = function.__doc__ or op_class.__doc__
        op_class.__doc__ = op_class.__doc__ or function.__doc__
        calling: Any = explained(function)
        if _only_calls(function, op_class):
            op = op_class()
            calling = functools.update_wrapper(function_calling(op), function)
            vars(calling).update(op=op, forward=op.forward, flops=op.flops)
        vars(calling).update(op_class=op_class)
        return cast(Function, calling)

    return decorate


def composed(
    torch: str | Counterpart | None = None, cases: Cases = ()
) -> Callable[[Function], Function]:
    """Return a decorator for a function that is made of operations.

    As ``explained``; and the tests find there what a class says of an operation.

    Args:
        torch: as in ``Op``.
        cases: uses that must work; the options are the function's.
    """

    def decorate(function: Function) -> Function:
        calling = explained(function)
        vars(calling).update(torch=torch, cases=cases)
        return calling

    return decorate


def _only_calls(function, op_class):
    """Tell whether a function takes the inputs of an operation, and these alone."""
    names, star = parameters(function)
    names = (*names, star) if star else names
    has_no_options = parameters(op_class.__init__)[0] == ("self",)
    return has_no_options and names == op_class.signature.inputs


def broadcast_shapes(who, shapes):
    """Return the shape that ``shapes`` broadcast to.

    Raises:
        ShapeError: they do not; the sentence names ``who``.
    """
    ndim = max(map(len, shapes))
    result = []
    for axis in range(-ndim, 0):
        lengths = {s[axis] for s in shapes if len(s) >= -axis} - {1}
        if len(lengths) > 1:
            listed = " and ".join(str(tuple(s)) for s in shapes)
            raise ShapeError(f"{who}: shapes {listed} do not broadcast")
        result.append(lengths.pop() if lengths else 1)
    return tuple(result)


# Reading a class: done once, when the class is made.


def _put(cls, **attributes):
    """Set attributes of a class that its base declares otherwise."""
    for name, value in attributes.items():
        setattr(cls, name, value)


def _freezing(init):
    names = parameters(init)[0][1:]

    @functools.wraps(init)
    def __init__(self, *args, **options):
        try:
            for value in (*args, *options.values()) if options else args:
                kind = type(value)
                if (
                    kind in PLAIN
                    or kind is tuple
                    and PLAIN.issuperset(map(type, value))
                ):
                    continue
                who = type(self).__name__
                args, options = plain_options(who, names, args, options)
                break
            init(self, *args, **options)
        except (TypeError, ValueError) as error:
            if not has_run(error):
                raise misfit(init, (self, *args), options) from None
            if isinstance(error, XdlError) or not is_ours(type(self)):
                raise
            given = dict(zip(names, args, strict=False)) | options
            raise failed(type(self).__name__, error, given) from None
        if type(self).__init__ is __init__:  # not where a subclass goes on
            self.__dict__["_is_frozen"] = True

    return __init__


def _quiet(function):
    @functools.wraps(function)
    def quiet(self, xp, *arguments):
        with xp.quiet():
            return function(self, xp, *arguments)

    return quiet


def _defaults(init):
    """Return the default values of a constructor by name."""
    function = getattr(init, "__wrapped__", None)
    if function is None or not function.__defaults__:
        return {}
    names, _ = parameters(function)
    return dict(zip(names[::-1], function.__defaults__[::-1], strict=False))
