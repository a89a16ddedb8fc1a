"""How far to go along a direction: to where the strong Wolfe conditions hold."""

import math
from typing import NamedTuple

from xdl.typing import Array

ENOUGH, FLAT = 1e-4, 0.9  # c1 and c2: how much less, and how much flatter
_MOST = 25  # evaluations
_NEAR = 0.1  # of an interval: how near to its ends a trial may be


class Point(NamedTuple):
    """What was found after a step.

    Attributes:
        t: how far it went along the direction.
        loss: what the function is there.
        slope: its derivative along the direction.
        grad: its gradient.
    """

    t: float
    loss: float
    slope: float
    grad: Array

    @property
    def is_finite(self) -> bool:
        """Whether loss and slope are numbers that can be compared."""
        return math.isfinite(self.loss) and math.isfinite(self.slope)


def strong_wolfe(evaluate, start, t, most=_MOST, narrow=0.0, noise=0.0):
    """Return the Point of a step that is long enough, and at whose end it is flat.

    Args:
        evaluate: a function of the length of a step that returns a Point.
        start: the Point of a step of length 0, whose slope is negative.
        t: the length to try first.
        most: how often ``evaluate`` may be called.
        narrow: an interval of lengths that is narrower is not divided.
        noise: how far losses that are equal may seem to differ, by rounding.

    Returns:
        A Point that satisfies both conditions; the lowest that was found, if there is
        none within so many calls: ``start``, if none is lower.

    Where the loss changes by less than the noise, slopes tell whether it falls.

    Reference: Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and
    3.6, with the cubic interpolation of equation 3.59; for the noise, Hager and Zhang,
    "A New Conjugate Gradient Method with Guaranteed Descent", 2005, equation 1.4.
    """
    before = start
    for count in range(1, most + 1):
        point = evaluate(t)
        is_over = count > 1 and point.loss >= before.loss + noise
        if not _is_lower(point, start, noise) or is_over:
            left = most - count
            return _zoomed(evaluate, start, before, point, left, narrow, noise)
        if abs(point.slope) <= -FLAT * start.slope:
            return point
        if point.slope >= 0:
            left = most - count
            return _zoomed(evaluate, start, point, before, left, narrow, noise)
        grown, longest = _cubic(before, point), 10 * t
        least = t + 0.01 * (t - before.t)
        grown = min(max(grown, least), longest) if math.isfinite(grown) else longest
        before, t = point, grown
    return before


def _zoomed(evaluate, start, low, high, most, narrow, noise):
    """Return a Point between two, of which ``low`` is the lower."""
    for _ in range(most):
        width = high.t - low.t
        if abs(width) <= narrow:
            break
        t = _cubic(low, high) if high.is_finite else math.nan
        near = _NEAR * abs(width)
        least, longest = min(low.t, high.t) + near, max(low.t, high.t) - near
        t = min(max(t, least), longest) if math.isfinite(t) else low.t + width / 2
        point = evaluate(t)
        if not _is_lower(point, start, noise) or point.loss >= low.loss + noise:
            high = point
            continue
        if abs(point.slope) <= -FLAT * start.slope:
            return point
        if point.slope * width >= 0:
            high = low
        low = point
    return low


def _is_lower(point, start, noise):
    if not point.is_finite:
        return False
    if point.loss <= start.loss + ENOUGH * point.t * start.slope:
        return True
    is_level = point.loss <= start.loss + noise
    return is_level and point.slope <= (2 * ENOUGH - 1) * start.slope


def _cubic(a, b):
    """Return where the cubic through two Points is least; NaN where it is nowhere."""
    if a.t == b.t:
        return math.nan
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return math.nan
    d2 = math.copysign(math.sqrt(square), b.t - a.t)
    divisor = b.slope - a.slope + 2 * d2
    if divisor == 0:
        return math.nan
    return b.t - (b.t - a.t) * ((b.slope + d2 - d1) / divisor)
