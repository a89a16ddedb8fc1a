"""Words: how C++ writes numbers, formulas and where in memory something lies."""

import ast
import math

import numpy as np

TYPES = {
    "float32": "float",
    "float64": "double",
    "bool": "bool",
    "int64": "long long",
    "int32": "int",
    "int16": "short",
    "int8": "signed char",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned",
    "uint64": "unsigned long long",
}
_OF_C = {"exp", "expm1", "log", "log1p", "tanh", "erf", "sqrt", "floor", "ceil", "rint"}
_OF_C |= {"sin", "cos", "tan", "sinh", "cosh", "log2", "log10", "asin", "acos", "atan"}
_OF_C |= {"asinh", "acosh", "atanh", "atan2", "pow"}
_OPERATORS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Not: "!",
    ast.Invert: "~",
}
LOWEST_INTEGER = "(-9223372036854775807LL - 1)"


def is_known(value):
    """Tell whether kernels know the dtype of a Value."""
    return value.is_number or str(value.dtype) in TYPES


def literal(number, dtype):
    """Return the text of a number, as one of a dtype."""
    if dtype == "bool":
        return "true" if number else "false"
    kind = TYPES[dtype]
    if dtype.startswith("float"):
        number = float(number)
        text = repr(abs(number))
        if not math.isfinite(number):
            text = "NAN_" if number != number else "INF_"
        sign = "-" if math.copysign(1, number) < 0 and number == number else ""
        return f"({kind}){sign}{text}"
    if number == -(2**63):
        return LOWEST_INTEGER
    end = {"int64": "LL", "uint64": "ULL", "uint32": "u"}.get(dtype, "")
    return f"({kind}){int(number)}{end}"


def start_of(reduction):
    """Return the text of the number that a reduction begins with."""
    dtype, word = reduction.result.dtype, reduction.row.start
    if word in ("LOWEST", "INFINITY"):
        number = -math.inf if word == "LOWEST" else math.inf
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            number = limits.min if word == "LOWEST" else limits.max
        return literal(number, str(dtype))
    number = {"ZERO": 0, "ONE": 1, "True": True, "False": False}[word]
    return literal(number, str(dtype))


def converted(text, before, after):
    """Return the text of a number as one of another dtype."""
    if before == after:
        return text
    return f"({text} != 0)" if after == "bool" else f"({TYPES[after]}){text}"


def expression(formula, operands):
    """Return the text of a Formula.

    Args:
        formula: the Formula.
        operands: the texts of what it is computed of; each is a name or in brackets.
    """
    names = [f"x{i}_" for i in range(len(operands))]
    tree = ast.parse(formula.text.format(*names), mode="eval").body
    known = dict(zip(names, operands, strict=True))
    return _Expression(known, formula.computed).visit(tree)


class _Expression(ast.NodeVisitor):
    """Writes Python's expressions as C++ has them."""

    def __init__(self, known, dtype):
        self.known, self.dtype, self.kind = known, dtype, TYPES[dtype]
        self.is_float = dtype.startswith("float")

    def generic_visit(self, node):
        raise NotImplementedError(f"formula: {ast.dump(node)} is not known")

    def visit_Name(self, node):
        words = {"ZERO": 0, "ONE": 1, "INFINITY": math.inf, "LOWEST": -math.inf}
        if node.id in words:
            return f"({literal(words[node.id], self.dtype)})"
        return self.known[node.id]

    def visit_Constant(self, node):
        return f"({literal(node.value, self.dtype)})"

    def visit_BinOp(self, node):
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Pow):
            return self._power(left, node.right, right)
        if isinstance(node.op, ast.Mod):
            return f"remainder_({left}, {right})"
        return f"({left} {_OPERATORS[type(node.op)]} {right})"

    def _power(self, base, exponent, text):
        if isinstance(exponent, ast.Constant) and isinstance(exponent.value, int):
            return f"({' * '.join([base] * exponent.value)})"
        return f"{self._function('pow')}({base}, {text})"

    def visit_UnaryOp(self, node):
        return f"({_OPERATORS[type(node.op)]}{self.visit(node.operand)})"

    def visit_Compare(self, node):
        left, right = self.visit(node.left), self.visit(node.comparators[0])
        return f"({left} {_OPERATORS[type(node.ops[0])]} {right})"

    def visit_IfExp(self, node):
        parts = [self.visit(part) for part in (node.test, node.body, node.orelse)]
        return "({} ? {} : {})".format(*parts)

    def visit_Call(self, node):
        given = ", ".join([self.visit(argument) for argument in node.args])
        return f"{self._function(node.func.id)}({given})"

    def _function(self, name):
        if name == "DTYPE":
            return f"({self.kind})"
        if name == "abs" and self.is_float:
            name = "fabs"
        elif name not in _OF_C:
            return f"{name}_"  # of HEAD
        return f"{name}f" if self.dtype == "float32" else name


def product_of(found):
    """Return how many numbers a map names."""
    return math.prod(length for length, _ in found)


def position(found, offset, index, integer):
    """Return the text of where in memory a number of a map lies.

    Args:
        found: the map: (length, stride) pairs, the last one varies fastest.
        offset: where it starts.
        index: the text of the number's index, an unsigned name.
        integer: the signed type.
    """
    parts, inner = [], product_of(found)
    whole = inner
    found = found if inner else ()
    for length, stride in found:
        inner //= length
        if stride == 0 or length == 1:
            continue
        text = index if inner == 1 else f"{index} / {inner}u"
        if length * inner != whole:
            text = f"{text} % {length}u"
        text = f"({integer})({text})"
        parts.append(text if stride == 1 else f"{text} * {stride}")
    if offset or not parts:
        parts.append(str(offset))
    return " + ".join(parts)


def split(found, columns):
    """Return the maps of the rows and of the columns; None: it has no such.

    Args:
        found: a map.
        columns: how many of its numbers are a row.
    """
    inner: list[tuple[int, int]] = []
    outer, left = list(found), columns
    while left > 1:
        length, stride = outer.pop()
        if left % length == 0:
            inner.insert(0, (length, stride))
            left //= length
            continue
        if length % left:
            return None
        inner.insert(0, (left, stride))
        outer.append((length // left, stride * left))
        left = 1
    return tuple(outer), tuple(inner)
