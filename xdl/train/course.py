"""Course: how far a training has come, all of which is saved."""

import numbers

from xdl.errors import ArgumentError
from xdl.optim.ranges import Kind, Maybe, Range, Whole

MANY = 32  # losses that are kept before they are added up: a GPU is not waited for
_COUNT = Whole(0)
_RANGES: dict[str, Kind] = {
    "epoch": _COUNT,
    "steps": _COUNT,
    "place": _COUNT,
    "rows": _COUNT,
}
_RANGES |= {"seed": Maybe(_COUNT), "seen": _COUNT, "total": Range(low=-float("inf"))}


class Mean:
    """The mean loss of batches, each counted by its rows.

    Attributes:
        total: the sum so far.
        seen: the rows so far.
    """

    def __init__(self):
        self._waiting, self._rows = [], 0
        self.clear()

    def clear(self):
        """Forget all."""
        self.total, self.seen = 0.0, 0
        self._waiting.clear()

    def of(self, rows):
        """Return the list to which losses of so many rows are to be appended."""
        if rows != self._rows:
            self.settle()
            self._rows = rows
        return self._waiting

    def settle(self):
        """Add up what waits, in order: so the bits do not depend on when."""
        total, rows = self.total, self._rows
        for loss in self._waiting:
            total += float(loss._value) * rows
        self.total, self.seen = total, self.seen + len(self._waiting) * rows
        self._waiting.clear()

    def value(self):
        """Return the mean."""
        self.settle()
        return self.total / self.seen


class Course:
    """How far a training has come.

    Attributes:
        epoch: how many epochs are done.
        steps: how many updates are done.
        place: how many batches of the epoch under way are done.
        rows: of a usual batch; 0: none came yet.
        seed: of the order of the batches; None: they have none.
        history: a dict for each epoch.
        mean: the Mean loss of the epoch under way.
    """

    def __init__(self):
        self.epoch = self.steps = self.place = self.rows = 0
        self.seed, self.history, self.mean = None, [], Mean()

    def end_epoch(self, logs):
        """Note what an epoch came to, and go on to the next."""
        self.history.append(logs)
        self.epoch, self.place = self.epoch + 1, 0
        self.mean.clear()

    def state_dict(self):
        """Return all of it."""
        self.mean.settle()
        found = {name: getattr(self, name, None) for name in _RANGES}
        found |= {"seen": self.mean.seen, "total": self.mean.total}
        return found | {"history": [dict(one) for one in self.history]}

    def misfits(self, saved):
        """Return what hinders ``load_state_dict``, a list of str."""
        needed = {*_RANGES, "history"}
        if not isinstance(saved, dict) or saved.keys() != needed:
            came = list(saved) if isinstance(saved, dict) else type(saved).__name__
            return [f"{came} came, needed a dict of {', '.join(sorted(needed))}"]
        faults = []
        for name, one in _RANGES.items():
            try:
                one.checked(name, saved[name])
            except ArgumentError as error:
                faults.append(str(error))
        history = saved["history"]
        if not isinstance(history, list) or not all(map(_is_log, history)):
            faults.append("history is no list of dicts of what was measured")
        return faults

    def load_state_dict(self, saved):
        """Take over what ``state_dict`` returned; it has no misfits."""
        for name in ("epoch", "steps", "place", "rows", "seed"):
            setattr(self, name, saved[name])
        self.mean.clear()
        self.mean.total, self.mean.seen = float(saved["total"]), saved["seen"]
        self.history[:] = [dict(one) for one in saved["history"]]


def _is_log(one):
    return isinstance(one, dict) and isinstance(one.get("loss"), numbers.Real)
