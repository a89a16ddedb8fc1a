"""How far functions are off, beside PyTorch: `python -m benchmarks.accuracy`.

It writes docs/accuracy.md: the largest error of each function and gradient over all
exponents, measured as tests/support/accuracy.py does. It needs PyTorch and mpmath; the
columns of the Numba executor are there if Numba is.
"""

import datetime
import importlib.util
import pathlib
import platform
import warnings

import mpmath
import numpy as np
import torch
import torch.nn.functional as F

import xdl
from tests.support.accuracy import DTYPES, compiled, eager, inputs, worst
from tests.support.accuracy_functions import FUNCTIONS

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "accuracy.md"
OTHER = 1.5  # the second operand of functions of two
HEAD = """# How exact the functions are

`python -m benchmarks.accuracy` writes this page. For every exponent of the dtype (every
16th far from 1 in float64) and both signs it compares values and gradients with
mpmath's to 40 digits. An error is counted in units in the last place (ulp) of the
correctly rounded result, subnormal results included; where terms cancel, of the largest
term. The largest error is shown: 0.5 is the best that can be. From about 1e3 in
float16, 1e7 in float32 and 1e15 in float64 on, no digit is right.

The executor `numpy` gives the bits of eager. `numba` has exponentials of its own
([0014](decisions/0014-native-code-brings-its-own-mathematics.md)); it computes float16
as eager does. How what cancels is avoided stands in
[0018](decisions/0018-nothing-in-the-sigmoid-cancels.md). Tests hold xdl to 4 ulp, or to
what PyTorch is off by where that is more. Of the inputs between these points a few in a
million are worse in float32, by up to 1 ulp: NumPy's exponential alone is off by 2.4.
"""


def _rows(function):
    """Return a function of rows (x, OTHER), its first column."""
    return lambda x: function(torch.stack([x, _full(x)], 1))


def _full(x, number=OTHER):
    return torch.full_like(x, number)


def _target(name, target):
    function = getattr(F, name)
    return lambda x: function(x, _full(x, target), reduction="none")


PYTORCH = {
    "divide": lambda x: 3.0 / x,
    "power": lambda x: x**2.5,
    "power of": lambda x: torch.pow(2.5, x),
    "exp10": lambda x: torch.pow(10.0, x),
    "entr": torch.special.entr,
    "logaddexp": lambda x: torch.logaddexp(x, _full(x)),
    "atan2": lambda x: torch.atan2(x, _full(x)),
    "logsumexp": _rows(lambda rows: torch.logsumexp(rows, 1)),
    "softmax": _rows(lambda rows: torch.softmax(rows, 1)[:, 0]),
    "log_softmax": _rows(lambda rows: torch.log_softmax(rows, 1)[:, 0]),
    "glu": lambda x: F.glu(torch.stack([_full(x), x], 1))[:, 0],
    "log_expit": F.logsigmoid,
    "elu of 0.7": lambda x: F.elu(x, 0.7),
    "celu of 0.7": lambda x: F.celu(x, 0.7),
    "gelu by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
}


def counterpart(name):
    """Return PyTorch's function."""
    loss, _, target = name.partition(" of ")
    if loss.startswith("binary_cross_entropy"):
        return _target(loss, float(target))
    return PYTORCH.get(name) or getattr(torch, name, None) or getattr(F, name)


def _of_pytorch(name):
    def evaluate(_, x):
        variable = torch.tensor(x, requires_grad=True)
        y = counterpart(name)(variable)
        y.backward(torch.ones_like(y))
        return y.detach().numpy(), variable.grad.numpy()

    return evaluate


def _shown(error):
    if error >= 1000:
        return f"{error:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{error:.1f}" if error < 100 else f"{error:.0f}"


def _line(name, dtype, with_numba):
    measured = [worst(name, dtype, eager)]
    if with_numba:
        measured.append(worst(name, dtype, compiled("numba")))
    measured.append(worst(name, dtype, _of_pytorch(name)))
    values, gradients = zip(*measured, strict=True)
    return f"| `{name}` | {' | '.join(map(_shown, values + gradients))} |"


def _table(dtype):
    with_numba = dtype != "float16" and importlib.util.find_spec("numba") is not None
    columns = ["xdl", *(["numba"] if with_numba else []), "PyTorch"]
    head = [f"{c}, {part}" for part in ("value", "gradient") for c in columns]
    lines = [f"\n## {dtype}\n", f"| function | {' | '.join(head)} |"]
    lines.append("|---|" + "---:|" * len(head))
    lines += [_line(name, dtype, with_numba) for name in FUNCTIONS]
    return "\n".join([*lines, f"\n{len(inputs('exp', dtype))} points."])


def main():
    """Measure, and write the page."""
    warnings.simplefilter("ignore")
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch "
        f"{torch.__version__.partition('+')[0]}, mpmath {mpmath.__version__}, xdl "
        f"{xdl.__version__}; {datetime.date.today()}, {platform.machine()}."
    )
    tables = [_table(dtype) for dtype in DTYPES]
    PAGE.write_text("\n".join([HEAD, versions, *tables]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
