"""The rows of the elementary functions, for the table in ``torch_counterparts.py``."""

from tests.oracle.counterpart import Counterpart as Row

_AT_THE_ORIGIN = "PyTorch's second gradient at the origin is NaN"
_FAR_APART = "PyTorch's second gradient is NaN where exp(x2 - x1) overflows"

ROWS = (
    Row("acos"),
    Row("acosh"),
    Row("asin"),
    Row("asinh"),
    Row("atan"),
    Row("atan2", differs={"case 4 second_gradient": _AT_THE_ORIGIN}),
    Row("atanh"),
    Row("ceil"),
    Row("cos"),
    Row("cosh"),
    Row("erf"),
    Row("exp2"),
    Row("floor"),
    Row("log10"),
    Row("log2"),
    Row("logaddexp", differs={"case 4 second_gradient": _FAR_APART}),
    Row("round"),
    Row("rsqrt"),
    Row("sin"),
    Row("sinh"),
    Row("tan"),
)
