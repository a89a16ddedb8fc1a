"""Many states that do steps of one native function, as parts of a queue."""

import math
from _thread import allocate_lock, start_new_thread

import numpy as np

from xdl.native.blas_library import threads as threads_of_blas
from xdl.native.gemm import is_known
from xdl.native.many import END, QUEUE, running

_PATIENCE = 0.05  # seconds, after which signals are looked for


class Job:
    """The steps of some members of one program.

    Args:
        whole: a NumbaWhole that is bound.
        members: for each the addresses of the arrays of its slots, and of its
            hyperparameters, each int64 (k,).
        arrays: for each argument the samples (n, ...), C-contiguous.
        rows: for each member the samples of its steps, int64 (steps, batch),
            C-contiguous.
        steps: counts the steps that are done, int64 (k,).
        numbers: which of the counts is that of each member.

    Attributes:
        results: an array (all steps, ...) for each result. Those of a member begin at
            the sum of the steps that those before it were to do.
    """

    def __init__(self, whole, members, arrays, rows, steps, numbers):
        self._whole, text = whole, whole.text
        asked = len(text.asked())
        self._places = {name: 2 + asked + i for i, name in enumerate(text.memories)}
        self._counts = _integers(map(len, rows))
        self._queue = np.zeros(QUEUE, np.int64)
        kinds = ("state", "number", "result", "input")
        states, hyper, results, inputs = map(text.given, kinds)
        self.results = [
            np.empty((self._counts.sum(), *m.data), m.dtype) for m in results
        ]
        sizes = _integers(
            [r.dtype.itemsize * math.prod(r.shape[1:]) for r in self.results]
        )
        starts = (self._counts.cumsum() - self._counts)[:, None] * sizes
        starts += _integers(map(address, self.results))
        slots, options = [[m.data for m in some] for some in (states, hyper)]
        own = [np.concatenate([a[slots], b[options]]) for a, b in members]
        words = np.column_stack([np.stack(own), starts])
        given = [arrays[m.data] for m in inputs]
        of_rows = [a.dtype.itemsize * math.prod(a.shape[1:]) for a in given]
        self._kept, self._errors = (arrays, rows), []
        self._arguments = (
            rows[0].shape[1],
            self._counts,
            steps,
            _integers(numbers),
            words,
            self._at([*states, *hyper, *results]),
            self._at(results),
            sizes,
            self._at(inputs),
            _integers(of_rows),
            _integers(map(address, given)),
            _integers(map(address, rows)),
        )

    def run(self, threads, is_over):
        """Do the steps, each member until one is refused; signals must wait.

        Args:
            threads: how many there are; None: as ``usual_threads`` says.
            is_over: tells whether to end after the steps under way.
        """
        self._run = running(2 + len(self._whole.text.asked()) + len(self._places))
        count = min(threads or usual_threads(), len(self._counts))
        locks = [allocate_lock() for _ in range(count)]
        for lock in locks:
            lock.acquire()
            start_new_thread(self._work, (lock,))
        for lock in locks:
            while not lock.acquire(timeout=_PATIENCE):
                self._queue[END] |= is_over()
        for error in self._errors:
            raise error

    def _work(self, lock):
        """Do steps of the next members until there are none."""
        try:
            self._go()
        except BaseException as error:
            self._errors.append(error)
        finally:
            lock.release()

    def _go(self):
        whole, text = self._whole, self._whole.text
        arrays = whole.own_arrays()
        asked = [id(arrays[m.name]) for m in text.asked()]
        memories = [address(arrays[name]) for name in text.memories]
        words = _integers([1, id(whole.table), *asked, *memories])
        queue = address(self._queue)
        self._run(whole.address, address(words), queue, *self._arguments)

    def _at(self, memories):
        return _integers([self._places[m.name] for m in memories])


def usual_threads():
    """Return how many threads share members: as many as NumPy's BLAS uses.

    Where it multiplies, it does so on that many by itself.
    """
    return threads_of_blas() if is_known("float32") else 1


def address(array):
    """Return where the elements of an array begin."""
    return array.__array_interface__["data"][0]


def _integers(numbers):
    return np.array(list(numbers), np.int64)
