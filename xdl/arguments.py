"""Calls that do not fit: errors that say what a function takes, and what to write.

Python refuses a call before the function runs, in words of the inside of xdl. Whoever
comes from NumPy, PyTorch, Keras or scikit-learn is told here what xdl calls the thing.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, TypeVar, cast

from xdl.errors import ArgumentError, XdlError

Function = TypeVar("Function", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)

# What others call an argument, and what xdl calls it: the first that there is counts.
NAMES = {
    "a": ("x", "x1"),
    "a_max": ("max",),
    "a_min": ("min",),
    "activation_fn": ("activation",),
    "arrays": ("xs",),
    "attn_mask": ("mask",),
    "axes": ("axis",),
    "axis": ("axes",),
    "b": ("x2",),
    "batch_size": ("size",),
    "beta1": ("betas",),
    "beta2": ("betas",),
    "beta_1": ("betas",),
    "beta_2": ("betas",),
    "constant_values": ("value",),
    "d_model": ("size",),
    "data": ("value",),
    "ddof": ("correction",),
    "depth": ("size",),
    "diagonal": ("k",),
    "dim": ("axis", "axes"),
    "dim1": ("axis1",),
    "dim2": ("axis2",),
    "dim_feedforward": ("hidden",),
    "dims": ("axis", "axes", "repetitions"),
    "drop_prob": ("p", "dropout"),
    "drop_rate": ("p", "dropout"),
    "elementwise_affine": ("affine",),
    "embed_dim": ("size",),
    "embedding_dim": ("features",),
    "end_dim": ("end_axis",),
    "epsilon": ("eps",),
    "filters": ("output_channels",),
    "hidden_dim": ("hidden_size", "hidden"),
    "hidden_layer_sizes": ("sizes",),
    "hidden_sizes": ("sizes",),
    "in_channels": ("input_channels", "channels"),
    "in_features": ("input_size",),
    "indices_or_sections": ("sections",),
    "input": ("x", "logits", "log_probs", "indices", "x1", "subscripts"),
    "input_dim": ("input_size", "rows"),
    "input_shape": ("input_size",),
    "is_causal": ("causal",),
    "keepdim": ("keepdims",),
    "kernel": ("window",),
    "kernel_initializer": ("initializer",),
    "kernel_size": ("window",),
    "label": ("target",),
    "labels": ("target",),
    "learning_rate": ("lr",),
    "loss_fn": ("loss",),
    "learning_rate_init": ("lr",),
    "newshape": ("shape",),
    "n_epochs": ("epochs",),
    "nhead": ("heads",),
    "nlayers": ("layers",),
    "normalized_shape": ("shape",),
    "num_channels": ("channels",),
    "num_classes": ("classes", "size"),
    "num_embeddings": ("rows", "tokens"),
    "num_features": ("channels",),
    "num_groups": ("groups",),
    "num_heads": ("heads",),
    "num_layers": ("layers",),
    "num_repeats": ("repeats",),
    "offset": ("k",),
    "other": ("x2",),
    "out_channels": ("output_channels",),
    "out_features": ("output_size",),
    "output_dim": ("output_size", "features"),
    "output_shape": ("size",),
    "p": ("ord",),
    "pad": ("widths", "padding"),
    "pad_width": ("widths",),
    "parameters": ("parameter",),
    "params": ("parameter",),
    "pool_size": ("window",),
    "random_state": ("seed",),
    "rate": ("p", "dropout"),
    "reduce": ("reduction",),
    "reps": ("repetitions",),
    "requires_grad": ("trainable",),
    "retain": ("retain_graph",),
    "running_mean": ("mean",),
    "running_var": ("var",),
    "shape": ("size",),
    "shifts": ("shift",),
    "size": ("shape", "output_size"),
    "size_average": ("reduction",),
    "split_size": ("sections",),
    "split_size_or_sections": ("sections",),
    "start_dim": ("start_axis", "start"),
    "strides": ("stride",),
    "tensors": ("xs",),
    "unbiased": ("correction",),
    "units": ("output_size",),
    "use_bias": ("bias",),
    "validation_data": ("validation",),
    "vocab_size": ("tokens", "rows"),
    "y_pred": ("x", "logits"),
    "y_true": ("target",),
}
# What xdl does otherwise.
REMEDIES = {
    "device": "say xdl.use_device(device) before, or .to(device) afterwards",
    "dtype": "convert what comes out with .astype(dtype)",
    "inplace": "xdl writes into nothing that it is given; use the result",
    "order": "xdl reads and writes in C order",
    "out": "xdl writes into nothing that it is given; use the result",
    "set_to_none": "gradients that were cleared are always None",
    "where": "choose with xdl.where(condition, x, y)",
}


# What Python and NumPy raise where an operation cannot compute with what it was given.
FOREIGN = (TypeError, ValueError, LookupError, AttributeError, OverflowError)


def explained(function: Function) -> Function:
    """Return the function, with errors that teach where a call does not fit it."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except FOREIGN as error:
            if isinstance(error, XdlError):
                raise
            if not has_run(error):
                raise misfit(function, arguments, options) from None
            if not is_ours(function):
                raise
            given = named(function, arguments) | options
            raise failed(function.__name__, error, given) from error

    return cast(Function, call)


def explain_init(cls: type) -> None:
    """Let a class of xdl refuse arguments of its constructor as ``explained`` does."""
    if "__init__" in vars(cls) and cls.__module__.startswith("xdl."):
        type.__setattr__(cls, "__init__", explained(vars(cls)["__init__"]))


def explain_methods(cls: Class) -> Class:
    """Let the public methods of a class refuse arguments as ``explained`` does."""
    for name, method in list(vars(cls).items()):
        if isinstance(method, FunctionType) and not name.startswith("_"):
            setattr(cls, name, explained(method))
    return cls


def has_run(error: BaseException) -> bool:
    """Tell whether an error that a call raised came from inside what was called."""
    return error.__traceback__ is None or error.__traceback__.tb_next is not None


def misfit(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    who: str | None = None,
    skip: int = 0,
) -> ArgumentError:
    """Return the error for a call that Python refused.

    Args:
        function: what was called; of a class, its ``__init__``, of a method, itself.
        arguments, options: what it was called with; self is among them.
        who: a name for it in the sentence; default: its own, or that of the class.
        skip: how many of its first parameters are none of the caller's.
    """
    import inspect  # here, for it would take 5 ms of `import xdl`

    every = list(inspect.signature(function).parameters.values())[skip:]
    name = getattr(function, "__name__", "")
    if every and every[0].name == "self":
        owner, arguments, every = type(arguments[0]).__name__, arguments[1:], every[1:]
        name = owner if name == "__init__" else f"{owner}.{name}"
    who = who or name
    listed = f"({', '.join(map(_written, every))})"
    kinds = {parameter.kind for parameter in every}
    places = [p for p in every if p.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD]
    names = [p.name for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    given = [p.name for p in places][: len(arguments)]
    for name in () if inspect.Parameter.VAR_KEYWORD in kinds else options:
        if name not in names:
            return unknown(who, name, [n for n in names if n not in given], listed)
    if len(arguments) > len(places) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        needed = f"at most {len(places)}" if places else "none"
        came = "1 argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
        said = f"{came} came by position, needed {needed}"
    elif twice := [name for name in options if name in given]:
        said = f"{twice[0]!r} came twice"
    else:
        required = [p.name for p in every if p.default is p.empty and p.name in names]
        named = {p.name for p in every if p.kind > p.POSITIONAL_ONLY} & set(options)
        missing = [n for n in required if n not in given and n not in named]
        are = "is" if len(missing) == 1 else "are"
        said = f"{' and '.join(missing)} {are} missing"
    return ArgumentError(f"{who}: {said}: {who}{listed}")


def unknown(who: str, name: str, known: Sequence[str], listed: str) -> ArgumentError:
    """Return the error for an argument that there is not.

    Args:
        who: what was called.
        name: the name that came.
        known: the names that could have come.
        listed: what it takes, as text in brackets.
    """
    ours = next((n for n in NAMES.get(name, ()) if n in known), None)
    if ours is None:
        import difflib

        ours = next(iter(difflib.get_close_matches(name, known, 1, 0.75)), None)
    if ours is not None:
        said = f"it is called {ours!r} here"
    else:
        said = REMEDIES.get(name, "there is no such argument")
    return ArgumentError(f"{who}: {name!r} came; {said}: {who}{listed}")


def failed(who: str, error: Exception, given: Mapping[str, Any]) -> Exception:
    """Return an error for one that NumPy or Python raised inside an operation.

    Args:
        who: the operation.
        error: what was raised.
        given: what it was given, by name.
    """
    if isinstance(error, XdlError):
        return error
    listed = ", ".join(f"{name} {described(value)}" for name, value in given.items())
    said = str(error).rstrip(".")
    if "integers" in said.lower():
        said += "; cast to a floating dtype first"
    return ArgumentError(f"{who}: {said} ({listed})")


def kind(value: Any) -> str:
    """Return what sort of thing came: the name of its class, or of a class itself."""
    return described(value) if isinstance(value, type) else type(value).__name__


def refuse_uncallable(who: str, function: Any) -> None:
    """Raise an ArgumentError for what is no function."""
    if not callable(function):
        raise ArgumentError(f"{who}: {kind(function)} came, needed a function")


def is_ours(made: Any) -> bool:
    """Tell whether a function or class is of xdl.ops, or a method that calls one.

    No code of users runs in there.

    What users' code raises is raised as it is.
    """
    return str(made.__module__).startswith(("xdl.ops.", "xdl.core.methods"))


def named(function: Callable[..., Any], arguments: Sequence[Any]) -> dict[str, Any]:
    """Return positional arguments by the names of a function's parameters."""
    import inspect

    names = list(inspect.signature(function).parameters)
    return dict(zip(names, arguments, strict=False))


def described(value: Any) -> str:
    """Return a few words for a value: of an array, its shape and dtype."""
    if isinstance(value, type):
        return f"class {value.__name__}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{tuple(value.shape)} {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _written(parameter: Any) -> str:
    star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    name: str = star.get(parameter.kind, "") + parameter.name
    default = parameter.default
    if default is parameter.empty:
        return name
    return f"{name}={getattr(default, '__name__', None) or repr(default)}"
