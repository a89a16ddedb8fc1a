"""The table of instructions: what each name that a recording may hold means.

Everything that asks what an instruction is, asks its row: the passes, the planning of
memory, fusion, every executor, saved files and the comparison with eager. To add an
instruction is to add a row, and what an executor writes for a kind that is new to it.

Texts are as Python has them; ``{0}`` and so on are the operands. In formulas of native
code, words in capitals and functions are those of the dtype that is computed in.
"""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple


class Kind:
    """What is to be done, as far as an executor must know to write it."""

    ELEMENTWISE = "elementwise"  # operands of the dtype of the result
    COMPARISON = "comparison"  # truths, of operands of a common dtype
    TEST = "test"  # truths, of floating numbers
    POWER = "power"
    CONVERSION = "conversion"  # to a dtype
    CHOICE = "choice"  # of one of two by a mask
    MASK = "mask"  # of one or 0 by a mask
    REDUCTION = "reduction"  # of numbers along axes
    PRODUCT = "product"  # of matrices
    CONVOLUTION = "convolution"  # of images, or its gradient by either operand
    RESHAPE = "reshape"
    AXES = "axes"  # of one element that come or go
    TRANSPOSE = "transpose"
    BROADCAST = "broadcast"
    PART = "part"  # x[index]
    TAKE = "take"  # the rows of indices along an axis
    CHANGE = "change"  # of a part of a copy of the first argument
    CONCAT = "concat"
    STACK = "stack"
    COPY = "copy"
    FILL = "fill"  # one number, of the dtype of the first argument
    COUNT = "count"  # 0, 1, 2 and so on
    FULL = "full"  # one number that is given
    RANDOM = "random"
    CHECK_INDICES = "index_check"
    CHECK_FINITE = "finite_check"
    CALL = "call"  # of what the namespace has, and no more is known of it
    GROUP = "group"  # of instructions that one loop runs


_ELEMENTWISE = {Kind.ELEMENTWISE, Kind.COMPARISON, Kind.TEST, Kind.POWER}
_ELEMENTWISE |= {Kind.CONVERSION, Kind.CHOICE, Kind.MASK}
_FILLS = {Kind.FILL, Kind.COUNT, Kind.FULL}
_CHECKS = {Kind.CHECK_INDICES, Kind.CHECK_FINITE}
EACH, NEVER, TERMS = "each", "never", "terms"


class Row(NamedTuple):
    """What an instruction of a name is.

    Attributes:
        name: of the function of the namespace.
        kind: one of Kind.
        ufunc: the name of NumPy's function of one or two numbers, which takes arrays;
            of a reduction the one that joins two numbers. None: NumPy has none.
        has_out: whether NumPy can write the result into memory that is given.
        in_parts: whether it is written in several steps: then it must not be written
            over what it reads.
        arity: of how many arrays it is, where it is of a fixed number.
        operator: Python's operator of it, or None.
        of_numbers: whether Python numbers of a step, such as a learning rate, are
            computed with it.
        symbol: how Python writes it between two operands, or None.
        listed: the text of a line of NumPy; None: a function of its name is called.
        adds: whether it adds: two arrays, the terms of a reduction, a part to what was
            there, the products of a stack.
        one: whether 1 as the second operand changes nothing.
        keeps: whether the result is the first argument, where shape and dtype agree.
        axis: where among the arguments the axis stands, and what it is by default.
        rounds: EACH number of the result, NEVER, or after each of its TERMS.
        rounds_to: the numbers with fewer digits that it rounds to, or None.
        floats, integers, truths: the formulas of native loops, by the dtype that they
            compute in; None: there is none.
        few: the formula where there are but a few numbers and no other one.
        joins: of a reduction, the function by which native loops join numbers, or None.
        start: what a reduction begins with.
        is_slow: whether it is worth a native loop of its own.
    """

    name: str
    kind: str
    ufunc: str | None = None
    has_out: bool = False
    in_parts: bool = False
    arity: int = 1
    operator: Any = None
    of_numbers: bool = False
    symbol: str | None = None
    listed: str | None = None
    adds: bool = False
    one: bool = False
    keeps: bool = False
    axis: tuple[int, Any] | None = None
    rounds: str = EACH
    rounds_to: str | None = None
    floats: str | None = None
    integers: str | None = None
    truths: str | None = None
    few: str | None = None
    joins: str | None = None
    start: str | None = None
    is_slow: bool = False

    @property
    def is_elementwise(self) -> bool:
        """Whether each number of the result is made of one number of each operand."""
        return self.kind in _ELEMENTWISE

    @property
    def is_ufunc(self) -> bool:
        """Whether NumPy has a function for it that takes each number by itself."""
        return self.ufunc is not None and self.kind in _ELEMENTWISE

    @property
    def is_check(self) -> bool:
        """Whether it makes nothing, and may refuse the step."""
        return self.kind in _CHECKS

    @property
    def is_fill(self) -> bool:
        """Whether the numbers of the result hang on no array."""
        return self.kind in _FILLS


def _elementwise(name: str, ufunc: str | None = "", **facts: Any) -> Row:
    facts.setdefault("kind", Kind.ELEMENTWISE)
    ufunc = name if ufunc == "" else ufunc
    return Row(name, ufunc=ufunc, has_out=ufunc is not None, **facts)


def _arithmetic(
    name: str, symbol: str, function: Callable[..., Any], **facts: Any
) -> Row:
    facts = {"operator": function, "of_numbers": True, "symbol": symbol, **facts}
    return _elementwise(name, arity=2, **facts)


def _bitwise(name: str, function: Callable[..., Any], **facts: Any) -> Row:
    """Return the row of what kernels have as an operator alone."""
    facts.setdefault("arity", 2)
    return _elementwise(name, operator=function, **facts)


def _function(name: str, ufunc: str | None = "", **facts: Any) -> Row:
    """Return the row of a function of one number that native loops call by its name."""
    return _elementwise(name, ufunc, floats=f"{name}({{0}})", **facts)


def _rounding(name: str) -> Row:
    """Return the row that rounds float32 to what has fewer digits."""
    return _function(f"round_to_{name}", None, rounds_to=name)


def _rare(name: str, ufunc: str = "", arity: int = 1) -> Row:
    """Return the row of a function that is slow in a native loop."""
    operands = ", ".join([f"{{{i}}}" for i in range(arity)])
    return _elementwise(name, ufunc, arity=arity, few=f"{name}({operands})")


def _comparison(
    name: str, symbol: str, function: Callable[..., Any], **facts: Any
) -> Row:
    facts |= {"operator": function, "symbol": symbol, "kind": Kind.COMPARISON}
    text = f"{{0}} {symbol} {{1}}"
    return _elementwise(name, arity=2, floats=text, integers=text, **facts)


def _test(name: str, text: str) -> Row:
    return _elementwise(name, kind=Kind.TEST, floats=text)


def _logic(name: str, text: str, arity: int = 2) -> Row:
    return _elementwise(name, arity=arity, truths=text)


def _reduction(name: str, ufunc: str, start: str, **facts: Any) -> Row:
    facts |= {"has_out": True, "axis": (1, None), "start": start}
    return Row(name, Kind.REDUCTION, ufunc, **facts)


def _convolution(name: str) -> Row:
    return Row(name, Kind.CONVOLUTION, has_out=True, rounds=TERMS)


def _moved(name: str, kind: str, listed: str | None = None, **facts: Any) -> Row:
    """Return the row of what takes numbers as they are, from one place to another."""
    return Row(name, kind, listed=listed, rounds=NEVER, **facts)


_ROWS = (
    _arithmetic(
        "add", "+", operator.add, adds=True, floats="{0} + {1}", integers="{0} + {1}"
    ),
    _arithmetic(
        "subtract", "-", operator.sub, floats="{0} - {1}", integers="{0} - {1}"
    ),
    _arithmetic(
        "multiply",
        "*",
        operator.mul,
        one=True,
        floats="{0} * {1}",
        integers="{0} * {1}",
    ),
    _arithmetic("divide", "/", operator.truediv, one=True, floats="{0} / {1}"),
    _arithmetic(
        "pow", "**", operator.pow, ufunc="power", kind=Kind.POWER, few="{0} ** {1}"
    ),
    _elementwise("power", arity=2, kind=Kind.POWER, symbol="**", few="{0} ** {1}"),
    _elementwise(
        "negative",
        operator=operator.neg,
        of_numbers=True,
        listed="-{0}",
        rounds=NEVER,
        floats="-{0}",
        integers="-{0}",
    ),
    _elementwise(
        "positive",
        operator=operator.pos,
        keeps=True,
        rounds=NEVER,
        floats="{0}",
        integers="{0}",
    ),
    _elementwise("floor_divide", arity=2, operator=operator.floordiv, rounds=NEVER),
    _elementwise("remainder", arity=2, operator=operator.mod, floats="{0} % {1}"),
    _elementwise("square", floats="{0} * {0}", integers="{0} * {0}"),
    _elementwise("reciprocal", floats="ONE / {0}"),
    _function("sqrt"),
    _function("exp", is_slow=True),
    _function("expm1"),
    _function("log", is_slow=True),
    _function("log1p"),
    _function("tanh", is_slow=True),
    _function("erf", None, is_slow=True),
    _rounding("tfloat32"),
    _rounding("bfloat16"),
    _rounding("float16"),
    _function("abs", "absolute", operator=operator.abs, rounds=NEVER, few="abs({0})"),
    _function("floor", rounds=NEVER),
    _function("ceil", rounds=NEVER),
    _elementwise("round", "rint", rounds=NEVER, floats="rint({0})"),
    _elementwise(
        "sign",
        rounds=NEVER,
        floats="{0} if {0} != {0} else DTYPE({0} > ZERO) - DTYPE({0} < ZERO)",
    ),
    _elementwise(
        "maximum",
        arity=2,
        rounds=NEVER,
        floats="maximum({0}, {1})",
        integers="({0} if {0} > {1} else {1})",
    ),
    _elementwise(
        "minimum",
        arity=2,
        rounds=NEVER,
        floats="minimum({0}, {1})",
        integers="({0} if {0} < {1} else {1})",
    ),
    _rare("sin"),
    _rare("cos"),
    _rare("tan"),
    _rare("sinh"),
    _rare("cosh"),
    _rare("log2"),
    _rare("log10"),
    _rare("asin", "arcsin"),
    _rare("acos", "arccos"),
    _rare("atan", "arctan"),
    _rare("asinh", "arcsinh"),
    _rare("acosh", "arccosh"),
    _rare("atanh", "arctanh"),
    _rare("atan2", "arctan2", arity=2),
    _rare("logaddexp", arity=2),
    _bitwise(
        "bitwise_and",
        operator.and_,
        symbol="&",
        integers="{0} & {1}",
        truths="{0} & {1}",
    ),
    _bitwise(
        "bitwise_or", operator.or_, symbol="|", integers="{0} | {1}", truths="{0} | {1}"
    ),
    _bitwise("bitwise_xor", operator.xor, integers="{0} ^ {1}", truths="{0} ^ {1}"),
    _bitwise("bitwise_not", operator.invert, arity=1, ufunc="invert", truths="not {0}"),
    _logic("logical_and", "{0} & {1}"),
    _logic("logical_or", "{0} | {1}"),
    _logic("logical_not", "not {0}", arity=1),
    _comparison("equal", "==", operator.eq, truths="{0} == {1}"),
    _comparison("not_equal", "!=", operator.ne, truths="{0} != {1}"),
    _comparison("less", "<", operator.lt),
    _comparison("less_equal", "<=", operator.le),
    _comparison("greater", ">", operator.gt),
    _comparison("greater_equal", ">=", operator.ge),
    _test("isnan", "{0} != {0}"),
    _test("isinf", "abs({0}) == INFINITY"),
    _test("isfinite", "abs({0}) < INFINITY"),
    Row("astype", Kind.CONVERSION, has_out=True, keeps=True, listed="{0}.astype({1})"),
    _moved(
        "where",
        Kind.CHOICE,
        "np.where({0}, {1}, {2})",
        arity=3,
        has_out=True,
        in_parts=True,
        floats="{1} if {0} else {2}",
    ),
    _moved(
        "zero_unless",
        Kind.MASK,
        arity=2,
        has_out=True,
        in_parts=True,
        floats="{1} if {0} else ZERO",
    ),
    _reduction("sum", "add", "ZERO", adds=True, rounds=TERMS, symbol="+", joins="plus"),
    _reduction("prod", "multiply", "ONE", symbol="*"),
    _reduction("max", "maximum", "LOWEST", rounds=NEVER, joins="maximum"),
    _reduction("min", "minimum", "INFINITY", rounds=NEVER, joins="minimum"),
    _reduction("all", "logical_and", "True", symbol="&"),
    _reduction("any", "logical_or", "False", symbol="|"),
    Row(
        "matmul",
        Kind.PRODUCT,
        has_out=True,
        arity=2,
        operator=operator.matmul,
        symbol="@",
        rounds=TERMS,
    ),
    Row(  # made by a pass
        "matmul_sum",
        Kind.PRODUCT,
        has_out=True,
        arity=2,
        adds=True,
        listed="np.matmul({0}, {1}).sum(axis=0)",
    ),
    _convolution("convolution"),
    _convolution("convolution_by_input"),
    _convolution("convolution_by_weight"),
    _moved("reshape", Kind.RESHAPE, "{0}.reshape({1})", has_out=True, keeps=True),
    _moved("expand_dims", Kind.AXES, "np.expand_dims({0}, {1})"),
    _moved("squeeze", Kind.AXES, "{0}.squeeze({1})"),
    _moved("permute_dims", Kind.TRANSPOSE, "{0}.transpose({1})"),
    _moved("matrix_transpose", Kind.TRANSPOSE, "{0}.mT"),
    _moved("broadcast_to", Kind.BROADCAST, "np.broadcast_to({0}, {1})", keeps=True),
    _moved("getitem", Kind.PART, "{0}[{1}]"),
    _moved("take", Kind.TAKE, "{0}.take({1}, axis={2})", axis=(2, None)),
    _moved("set_at", Kind.CHANGE, has_out=True, in_parts=True),
    Row("scatter_add", Kind.CHANGE, has_out=True, in_parts=True, adds=True),
    _moved(
        "concat",
        Kind.CONCAT,
        "np.concatenate({0}, axis={1})",
        has_out=True,
        in_parts=True,
        axis=(1, 0),
    ),
    _moved(
        "stack",
        Kind.STACK,
        "np.stack({0}, axis={1})",
        has_out=True,
        in_parts=True,
        axis=(1, 0),
    ),
    _moved("copy", Kind.COPY, "{0}.copy()", has_out=True),
    _moved("new_zeros", Kind.FILL),
    _moved("new_ones", Kind.FILL),
    _moved("new_arange", Kind.COUNT),
    _moved("full", Kind.FULL),
    Row("random_bits", Kind.RANDOM),
    Row("check_indices", Kind.CHECK_INDICES),
    Row("refuse_non_finite", Kind.CHECK_FINITE),
    _moved("argmax", Kind.CALL, "{0}.argmax({1})"),
    _moved("argmin", Kind.CALL, "{0}.argmin({1})"),
    _moved("argsort", Kind.CALL),
    _moved("scatter_set", Kind.CALL),
    _moved("sort", Kind.CALL),
    _moved("take_along_axis", Kind.CALL, "np.take_along_axis({0}, {1}, axis={2})"),
    _moved("tril", Kind.CALL),
    _moved("triu", Kind.CALL),
    Row("cumulative_prod", Kind.CALL, listed="{0}.cumprod(axis={1})"),
    Row("cumulative_sum", Kind.CALL, listed="{0}.cumsum(axis={1})", rounds=TERMS),
    Row("vecdot", Kind.CALL, arity=2, rounds=TERMS),
    Row("group", Kind.GROUP),  # made by fusion
)
TABLE = {row.name: row for row in _ROWS}
