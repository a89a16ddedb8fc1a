"""Fit the polynomials of Numba's mathematics: `python -m benchmarks.minimax`.

A table holds the coefficients of p in a formula that is exact but for p:

    exp(x) = 1 + x + x * x * p(x)                for abs(x) <= log(2) / 2
    log((1 + s) / (1 - s)) = 2 * s + s * z * p(z)   for z = s * s, s <= 3 - 2 * sqrt(2)

Lawson's method on Chebyshev nodes (least squares whose weights grow where the error is
large) makes the largest relative error of the left side small; the arithmetic has 50
digits. The reached error is printed above each table.
"""

import decimal
import math
from decimal import Decimal

NODES = 120
ROUNDS = 60


def _nodes(low, high):
    """Return Chebyshev's nodes between two numbers."""
    middle, half = (low + high) / 2, (high - low) / 2
    angles = [math.pi * (k + 0.5) / NODES for k in range(NODES)]
    return [middle + half * Decimal(math.cos(angle)) for angle in angles]


def _solve(matrix, right):
    """Solve linear equations by elimination with the largest pivot."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    n = len(rows)
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    solution = [Decimal(0)] * n
    for k in reversed(range(n)):
        known = sum(rows[k][i] * solution[i] for i in range(k + 1, n))
        solution[k] = (rows[k][n] - known) / rows[k][k]
    return solution


def fit(function, scale, low, high, degree):
    """Return the p, and its error, with the least max(abs(scale * (function - p)))."""
    nodes = _nodes(low, high)
    values = [function(t) for t in nodes]
    scales = [scale(t) for t in nodes]
    powers = [[t**k for k in range(degree + 1)] for t in nodes]
    weights = [Decimal(1) / NODES] * NODES
    best = (None, Decimal("Infinity"))
    for _ in range(ROUNDS):
        both = [w * s * s for w, s in zip(weights, scales, strict=True)]
        columns = list(zip(*powers, strict=True))
        weighted = [[b * p for b, p in zip(both, c, strict=True)] for c in columns]
        matrix = [[_dot(w, c) for c in columns] for w in weighted]
        found = _solve(matrix, [_dot(w, values) for w in weighted])
        errors = [
            abs(s * (v - _dot(found, p)))
            for s, v, p in zip(scales, values, powers, strict=True)
        ]
        best = min(best, (found, max(errors)), key=lambda pair: pair[1])
        weights = [w * e for w, e in zip(weights, errors, strict=True)]
        total = sum(weights)
        weights = [w / total for w in weights]
    return best


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _rest_of_exp(x):
    return (x.exp() - 1 - x) / (x * x)


def _scale_of_exp(x):
    return x * x / (x.exp() - 1)


def _rest_of_log(z):
    s = z.sqrt()
    return (((1 + s) / (1 - s)).ln() / s - 2) / z


def _scale_of_log(z):
    s = z.sqrt()
    return s * z / ((1 + s) / (1 - s)).ln()


def main():
    """Print every table."""
    decimal.getcontext().prec = 50
    half = Decimal(2).ln() / 2
    last = (3 - 2 * Decimal(2).sqrt()) ** 2
    exponential = (_rest_of_exp, _scale_of_exp, -half, half)
    logarithm = (_rest_of_log, _scale_of_log, Decimal(0), last)
    tables = {
        "EXP_SINGLE": (*exponential, 4),
        "EXP_DOUBLE": (*exponential, 9),
        "LOG_SINGLE": (*logarithm, 2),
        "LOG_DOUBLE": (*logarithm, 6),
    }
    for name, arguments in tables.items():
        coefficients, error = fit(*arguments)
        print(f"# relative error {float(error):.1e}\n{name} = (")
        for c in coefficients:
            print(f"    {float(c)!r},")
        print(")")


if __name__ == "__main__":
    main()
