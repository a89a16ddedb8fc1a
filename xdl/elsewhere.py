"""Attributes that others have: what xdl has in their place.

They are there only to say so: each is an ``AttributeError``, and none is listed.
"""

from collections.abc import Iterable
from typing import Any

_NUMPY = "an array of NumPy's, which xdl takes everywhere"
_WITH = ".parameter, which an optimizer takes, as it takes the model: SGD(model)"
# Of the packages: xdl, xdl.nn, xdl.optim.
OF_PACKAGES = {
    "BatchNorm": "BatchNorm1d, BatchNorm2d",
    "CrossEntropyLoss": "SoftmaxLoss",
    "DataLoader": "xdl.train.batches",
    "Dense": "Linear",
    "Identity": "a function: lambda x: x",
    "Module": "xdl.Module",
    "ModuleDict": "a dict that is an attribute",
    "ModuleList": "a list that is an attribute",
    "Parameter": "xdl.Variable for a weight; xdl.Parameter is the store of all weights",
    "Tensor": "Variable",
    "Trainer": "xdl.train.Trainer",
    "TransformerEncoderLayer": "TransformerBlock",
    "amp": "xdl.autocast, xdl.optim.GradScaler",
    "arange": _NUMPY,
    "array": "Variable",
    "bce_loss": "binary_cross_entropy",
    "bmm": "matmul",
    "cat": "concat",
    "clamp": "clip",
    "clone": "Variable",
    "cross_entropy": "softmax_cross_entropy",
    "cuda": 'use_device("cuda"); show_config() tells what there is',
    "empty": _NUMPY,
    "from_numpy": "Variable",
    "full": _NUMPY,
    "functional": "the functions of xdl, as xdl.relu",
    "get_float32_matmul_precision": "get_matmul_precision",
    "grad": "gradient",
    "jit": "compile",
    "linspace": _NUMPY,
    "lr_scheduler": "xdl.optim itself, as xdl.optim.StepLR",
    "manual_seed": "seed",
    "mm": "matmul",
    "mse_loss": "mean_squared_error",
    "mul": "multiply",
    "ones": _NUMPY,
    "permute": "permute_dims",
    "pow": "power",
    "rand": _NUMPY,
    "randn": _NUMPY,
    "set_float32_matmul_precision": "set_matmul_precision",
    "sub": "subtract",
    "tensor": "Variable",
    "unsqueeze": "expand_dims",
    "value_and_grad": "value_and_gradient",
    "view": "reshape",
    "zeros": _NUMPY,
}
OF_MODULES = {
    "cpu": '.to("cpu")',
    "cuda": '.to("cuda")',
    "double": 'weights made with dtype="float64"',
    "fit": "xdl.train.Trainer(model, optimizer).fit(batches), or a loop over batches",
    "parameter": "super().__init__() before, in __init__",
    "predict": "a call: model(x)",
    "register_buffer": "parameter.get_variable(name, shape, trainable=False)",
    "register_parameter": "parameter.get_variable(name, shape)",
    "requires_grad_": ".trainable = True",
    "trainable_variables": _WITH,
    "weights": _WITH,
    "zero_grad": ".parameter.clear_grads()",
}
_AS = '.astype("{}")'
OF_VARIABLES = {
    "bool": _AS.format("bool"),
    "byte": _AS.format("uint8"),
    "clamp": ".clip(min, max)",
    "clone": "xdl.Variable(v)",
    "contiguous": "nothing: arrays of any strides are taken",
    "copy": "xdl.Variable(v)",
    "cpu": '.to("cpu")',
    "cuda": '.to("cuda")',
    "data": ".value",
    "double": _AS.format("float64"),
    "expand": ".broadcast_to(shape)",
    "float": _AS.format("float32"),
    "gather": "xdl.take_along_axis(v, indices, axis)",
    "grad_fn": "xdl.Graph(v)",
    "half": _AS.format("float16"),
    "int": _AS.format("int32"),
    "is_leaf": ".trainable",
    "long": _AS.format("int64"),
    "masked_fill": "xdl.where(mask, value, v)",
    "mm": "v @ other",
    "numel": ".size",
    "permute": ".transpose(axes)",
    "pow": "v ** power",
    "requires_grad": ".trainable",
    "requires_grad_": ".trainable = True",
    "t": ".T",
    "tolist": ".numpy().tolist()",
    "unsqueeze": "xdl.expand_dims(v, axis)",
    "view": ".reshape(shape)",
    "zero_grad": ".clear_grad()",
}


def in_package(package: str, name: str, known: Iterable[str]) -> AttributeError:
    """Return the error for a name that a package has not."""
    hint = ""
    if not name.startswith("_"):
        hint = f"; use {OF_PACKAGES.get(name)}"
        if name not in OF_PACKAGES:
            import difflib

            close = difflib.get_close_matches(name, known, 1, 0.8)
            hint = f"; did you mean {close[0]!r}?" if close else ""
    return AttributeError(f"module {package!r} has no attribute {name!r}{hint}")


def point_elsewhere(cls: Any, table: dict[str, str]) -> None:
    """Let attributes that others have say what is in their place in a class.

    A ``__getattr__`` would make every attribute of the class slower to read.
    """
    for name, instead in table.items():
        setattr(cls, name, _Elsewhere(name, instead))
    cls.__dir__ = lambda self: [n for n in object.__dir__(self) if _is_there(self, n)]


def _is_there(value: Any, name: str) -> bool:
    if name in getattr(value, "__dict__", ()):
        return True
    found = (vars(c)[name] for c in type(value).__mro__ if name in vars(c))
    return not isinstance(next(found, None), _Elsewhere)


class _Elsewhere:
    """An attribute that is not there, and says what is."""

    def __init__(self, name: str, instead: str) -> None:
        self._name, self._instead = name, instead

    def __get__(self, value: Any, owner: type) -> Any:
        raise AttributeError(
            f"{owner.__name__!r} object has no attribute {self._name!r}; use "
            f"{self._instead}"
        )
