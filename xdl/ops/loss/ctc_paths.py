"""The paths through the states of labels and blanks, summed by dynamic programming."""

from functools import cached_property

NEVER = -1e30  # the logarithm of 0: infinities would meet as infinity - infinity
IMPOSSIBLE = NEVER / 10  # what is below it is the logarithm of 0


class Paths:
    """All ways in which sequences can read as their labels.

    Sequence i goes through the states blank, label 1, blank, label 2, ..., blank; at
    each time it stays, goes on, or leaves out the blank between two different labels.
    What is beyond its labels or its times never leads to the end.

    Args:
        xp: the namespace; that of Variables too.
        log_probs: an array (time, n, classes).
        labels: integers (n, most labels), each a class.
        times, counts: integers (n,): how many times and labels count.
        blank: the class of the blank.
    """

    def __init__(self, xp, log_probs, labels, times, counts, blank):
        self.xp, self.times, self.counts = xp, times, counts
        self.shape = log_probs.shape
        log_probs = xp.zero_unless(self._counts_at(log_probs)[..., None], log_probs)
        time, n, classes = log_probs.shape
        blanks = 0 * labels + blank
        pairs = xp.reshape(xp.stack([blanks, labels], axis=2), (n, 2 * labels.shape[1]))
        last = xp.reshape(0 * counts + blank, (n, 1))
        self.states = xp.concat([pairs, last], axis=1)
        rows = xp.reshape(xp.new_arange(log_probs, n) * classes, (n, 1))
        self.flat = xp.reshape(self.states + rows, (n * self.states.shape[1],))
        flat = xp.reshape(log_probs, (time, n * classes))
        emitted = xp.maximum(xp.take(flat, self.flat, axis=1), NEVER)
        emitted = xp.reshape(emitted, (time, *self.states.shape))
        # Taken off here, added to each total: sums of thousands would lose digits.
        self.tops = xp.max(emitted, axis=2, keepdims=True)
        self.emitted = emitted - self.tops

    @cached_property
    def alphas(self):
        """For each time and state, ln of what leads there: (time, n, states)."""
        xp, alpha = self.xp, self.emitted[0, ...] + self._start
        found = [alpha]
        for t in range(1, self.shape[0]):
            before = xp.concat([self._edge, alpha], axis=1)
            skipping = before[:, :-2] + self._skip
            alpha = self.emitted[t, ...] + _log_add(
                xp, alpha, before[:, 1:-1], skipping
            )
            found.append(alpha)
        return xp.stack(found, axis=0)

    @cached_property
    def betas(self):
        """For each time and state, ln of what leads from there to the end."""
        xp, time = self.xp, self.shape[0]
        numbers = xp.reshape(xp.new_arange(self.emitted, time), (time, 1, 1))
        is_last = numbers == xp.reshape(self.times - 1, (1, self.shape[1], 1))
        skip = xp.concat([self._skip[:, 2:], self._edge], axis=1)
        skip = skip[:, : self.states.shape[1]]
        beta = xp.where(is_last[time - 1, ...], self._end, NEVER)
        found = [beta]
        for t in range(time - 2, -1, -1):
            here = beta + self.emitted[t + 1, ...]
            after = xp.concat([here, self._edge], axis=1)
            beta = _log_add(xp, here, after[:, 1:-1], after[:, 2:] + skip)
            beta = xp.where(is_last[t, ...], self._end, beta)
            found.append(beta)
        return xp.stack(found[::-1], axis=0)

    @cached_property
    def taken_off(self):
        """The part of ln of each sequence's probability that the sums leave out."""
        xp, (time, n, _) = self.xp, self.shape
        tops = xp.reshape(self.tops, (time, n))
        return xp.sum(xp.zero_unless(self._counts_at(tops), tops), axis=0)

    def totals(self):
        """Return ln of each sequence's probability, less ``taken_off``."""
        xp, counts = self.xp, self.counts
        last = xp.maximum(self.times - 1, 0 * counts)
        rows = xp.new_arange(self.emitted, self.shape[1])
        at_blank = xp.getitem(self.alphas, (last, rows, 2 * counts))
        label = xp.maximum(2 * counts - 1, 0 * counts)
        at_label = xp.getitem(self.alphas, (last, rows, label))
        none = self._never(counts > 0)
        at_label = xp.where(counts > 0, at_label, NEVER)
        total = _log_add(xp, at_blank, at_label, 0 * at_label + NEVER)
        return xp.where(self.times > 0, total, none)

    def expected(self, alphas, totals, weights):
        """Return how often each class is emitted at each time, times a weight each.

        Args:
            alphas, totals: of these paths.
            weights: an array (n,).
        """
        xp, (time, n, classes) = self.xp, self.shape
        totals = xp.where(totals < IMPOSSIBLE, 0.0, totals)[:, None]
        posterior = xp.exp(alphas + self.betas - totals)
        values = xp.reshape(posterior, (time, self.flat.shape[0]))
        found = xp.new_zeros(self.emitted, (n * classes, time))
        found = xp.scatter_add(found, (self.flat,), xp.matrix_transpose(values))
        found = xp.permute_dims(xp.reshape(found, (n, classes, time)), (2, 0, 1))
        weights = weights[:, None]
        counts = xp.logical_or(found != 0, weights != weights)
        counts = xp.logical_and(counts, self._counts_at(found)[..., None])
        return xp.zero_unless(counts, found) * xp.zero_unless(counts, weights)

    def _never(self, mask):
        """Return ``NEVER`` where the mask holds and 0 elsewhere."""
        return self.xp.astype(mask, self.emitted.dtype) * NEVER

    def _counts_at(self, like):
        """Return whether a time counts for a sequence: (time, n)."""
        time = self.shape[0]
        numbers = self.xp.new_arange(like, time)
        return self.xp.reshape(numbers, (time, 1)) < self.times

    @cached_property
    def _places(self):
        return self.xp.new_arange(self.emitted, self.states.shape[1])

    @cached_property
    def _start(self):
        return self._never(self._places > 1)

    @cached_property
    def _end(self):
        xp = self.xp
        steps = 2 * xp.reshape(self.counts, (self.shape[1], 1)) - self._places
        return self._never(xp.logical_or(steps < 0, steps > 1))

    @cached_property
    def _edge(self):
        return self.xp.new_zeros(self.emitted, (self.shape[1], 2)) + NEVER

    @cached_property
    def _skip(self):
        """0 where the state two before is another label than this one."""
        same = self._never(self.states[:, 2:] == self.states[:, :-2])
        found = self.xp.concat([self._edge, same], axis=1)
        return found[:, : self.states.shape[1]]


def _log_add(xp, a, b, c):
    """Return ln(exp a + exp b + exp c)."""
    top = xp.maximum(xp.maximum(a, b), c)
    return top + xp.log(xp.exp(a - top) + xp.exp(b - top) + xp.exp(c - top))
