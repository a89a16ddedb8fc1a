"""The reference for CTC: every sequence of classes, read one by one."""

import itertools

import numpy as np
import scipy.special


def read(classes, blank):
    """Return what a sequence of classes reads as: equal neighbours are one."""
    return [c for c, _ in itertools.groupby(classes) if c != blank]


def paths(time, classes, labels, blank):
    """Return every sequence of classes that reads as the labels."""
    every = itertools.product(range(classes), repeat=time)
    return [path for path in every if read(path, blank) == list(labels)]


def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    losses = []
    lengths = zip(input_lengths, target_lengths, strict=True)
    for i, (time, count) in enumerate(lengths):
        found = paths(time, log_probs.shape[2], targets[i, :count], blank)
        sums = [sum(log_probs[t, i, c] for t, c in enumerate(path)) for path in found]
        loss = -scipy.special.logsumexp(sums) if found else np.inf
        losses.append(0.0 if zero_infinity and np.isinf(loss) else loss)
    if reduction == "none":
        return np.array(losses)
    if reduction == "sum":
        return np.sum(losses)
    return np.mean(losses / np.maximum(target_lengths, 1))
