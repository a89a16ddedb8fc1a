"""Batches: rows of arrays in a reproducible order, from any place on."""

import collections
import concurrent.futures
import operator
from collections.abc import Iterator
from typing import Annotated

import numpy as np

from xdl import backend
from xdl.arguments import explained, kind
from xdl.backend import NAMESPACES, random
from xdl.core.parameter import refuse
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError, DtypeError, EmptyBatchError, ShapeError
from xdl.optim.ranges import (
    Checked,
    Maybe,
    NonNegativeInt,
    PositiveInt,
    Switch,
    Whole,
)
from xdl.program.pytree import leaves, mapped

_STATE = {"seed": Whole(0), "epoch": Whole(0), "place": Whole(0)}


class Batches(Checked):
    """Arrays, batch by batch: what ``batches`` returns.

    A loop over it is one epoch; the next loop has an order of its own. The order of an
    epoch depends on ``seed`` and the number of the epoch alone.

    Attributes:
        rows: how many there are.
        epoch: the number of the epoch that is under way or comes next, from 0 on.
        place: how many batches of it were given out.

    Example:
        >>> from xdl.train import Batches
        >>> data = Batches([[1.0], [2.0], [3.0]], [0, 1, 0], size=2)
        >>> len(data), data.rows
        (2, 3)
    """

    def __init__(
        self,
        x: object,
        y: object = None,
        size: PositiveInt = 32,
        shuffle: Switch = False,
        seed: Annotated[int | None, Maybe(Whole(0))] = None,
        drop_last: Switch = False,
        prefetch: NonNegativeInt = 0,
    ) -> None:
        self.size, self.shuffle, self.drop_last = size, shuffle, drop_last
        self.seed, self.prefetch = seed, prefetch
        self._is_pair = y is not None
        self._data = _columns(x, "x")
        if self._is_pair:
            self._data = self._data, _columns(y, "y")
        self.rows = _rows_of(leaves(self._data))
        if not len(self):
            raise EmptyBatchError(
                f"batches: {self.rows} rows came, needed at least "
                f"{size if drop_last else 1} (size={size}, drop_last={drop_last})"
            )
        if self.seed is None:
            self.seed = int(random.generator().integers(2**63)) if shuffle else 0
        self.epoch = self.place = 0
        self._goes_on = False

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return (self.rows if self.drop_last else self.rows + self.size - 1) // self.size

    def __repr__(self) -> str:
        shapes = ", ".join(str(leaf.shape) for leaf in leaves(self._data))
        options = f"size={self.size}, shuffle={self.shuffle}, seed={self.seed}"
        return f"<Batches of {shapes}: {len(self)} an epoch, {options}>"

    def __iter__(self) -> Iterator[object]:
        """Return an iterator over an epoch: the next one, or the rest of a loaded one.

        A loop that ends early ends its epoch.
        """
        if not self._goes_on and self.place:
            self.epoch, self.place = self.epoch + 1, 0
        self._goes_on = False
        return self._counted(self.of_epoch(self.epoch, self.place))

    def _counted(self, given):
        epoch, done = self.epoch, self.place
        for place, batch in enumerate(given, done + 1):
            self.epoch, self.place = epoch, place
            yield batch
        self.epoch, self.place = epoch + 1, 0

    def of_epoch(self, epoch: int, place: int = 0) -> Iterator[object]:
        """Return an iterator over the batches of an epoch, from a place in it on.

        Args:
            epoch: its number, from 0 on.
            place: how many batches to leave out; default 0.
        """
        cut = self._cut(self._order(epoch))
        places = range(place, len(self))
        return _ahead(cut, places, self.prefetch) if self.prefetch else map(cut, places)

    def inputs(self) -> Iterator[object]:
        """Return an iterator over ``x`` of the batches, as the rows stand."""
        batches = map(self._cut(None), range(len(self)))
        return map(operator.itemgetter(0), batches) if self._is_pair else batches

    def _order(self, epoch):
        """Return the order of the rows of an epoch; None: as they stand."""
        if not self.shuffle:
            return None
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)

    def _cut(self, order):
        """Return a function from a place to a batch."""
        size, data = self.size, self._data
        copies = bool(self.prefetch)  # so that the thread reads a file, not the step
        takes = {}
        for leaf in leaves(data):
            rows = order
            if order is not None:
                rows = backend.to_device(order, backend.device_of(leaf))
            takes[id(leaf)] = _taking(leaf, rows, size, copies)
        if isinstance(data, tuple) and all(type(x) in backend.ARRAYS for x in data):
            functions = [takes[id(leaf)] for leaf in data]
            if len(functions) == 2:  # most times
                first, second = functions
                return lambda place: (first(place), second(place))
            return lambda place: tuple([take(place) for take in functions])
        return lambda place: mapped(data, lambda leaf: takes[id(leaf)](place))

    def state_dict(self) -> dict[str, int]:
        """Return a dict of the seed, the number of the epoch and the place in it."""
        return {name: getattr(self, name) for name in _STATE}

    def misfits(self, saved: object) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        if not isinstance(saved, dict) or saved.keys() != _STATE.keys():
            came = list(saved) if isinstance(saved, dict) else type(saved).__name__
            return [f"{came} came, needed a dict of {', '.join(_STATE)}"]
        faults = []
        for name, wanted in _STATE.items():
            try:
                wanted.checked(f"Batches: {name}", saved[name])
            except ArgumentError as error:
                faults.append(str(error))
        if not faults and saved["place"] > len(self):
            faults.append(
                f"Batches: place {saved['place']} came, needed at most {len(self)}; "
                "the data or the size of a batch are others"
            )
        return faults

    def load_state_dict(self, saved: dict[str, int]) -> None:
        """Go on from where ``state_dict`` was called: the next loop is what was left.

        Raises:
            CheckpointError: it does not fit; nothing has changed.
        """
        refuse(self, self.misfits(saved))
        self.seed, self.epoch, self.place = (saved[name] for name in _STATE)
        self._goes_on = True


@explained
def batches(
    x: object,
    y: object = None,
    size: int = 32,
    shuffle: bool = False,
    seed: int | None = None,
    drop_last: bool = False,
    prefetch: int = 0,
) -> Batches:
    """Return the rows of arrays in batches, in an order that can be had again.

    Args:
        x: an array (n, ...), a memory map, a table of pandas or polars, nested lists of
            numbers; or a tuple, list or dict of arrays, for a model of several inputs.
        y: the targets, like ``x``; None: there are none.
        size: the rows of a batch; default 32.
        shuffle: whether each epoch has a random order of its own; default False.
        seed: of the orders, an int >= 0; None: drawn, as ``xdl.seed`` says.
        drop_last: leave out a last batch of fewer rows; default False.
        prefetch: how many batches a thread makes ahead; default 0: no thread. It pays
            for arrays that are read from a file.

    Returns:
        A Batches: each loop over it is an epoch, of pairs ``(x, y)``, or of ``x`` alone
        without targets. Batches in order are views where they can be. ``xdl.save`` and
        ``xdl.load`` take it: the place in an epoch, the number of it and the seed.

    Raises:
        ArgumentError: an option is out of its range.
        DtypeError: the values are no numbers.
        EmptyBatchError: there is no batch.
        ShapeError: the numbers of rows differ.

    Example:
        >>> import xdl
        >>> x, y = [[1.0], [2.0], [3.0]], [0, 1, 0]
        >>> for x_part, y_part in xdl.train.batches(x, y, size=2):
        ...     print(x_part.shape, y_part)
        (2, 1) [0 1]
        (1, 1) [0]
    """
    return Batches(x, y, size, shuffle, seed, drop_last, prefetch)


def _ahead(cut, places, count):
    """Yield what a function makes of places, ``count`` of them ahead, in a thread."""
    pool = concurrent.futures.ThreadPoolExecutor(1, "xdl-batches")
    try:
        waiting: collections.deque[concurrent.futures.Future[object]]
        waiting = collections.deque()
        for place in places:
            waiting.append(pool.submit(cut, place))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _taking(array, order, size, copies):
    """Return a function from a place to the rows of an array that stand there."""
    xp = NAMESPACES[type(array)]
    if order is not None:
        take = xp.take
        return lambda i: take(array, order[i * size : (i + 1) * size], 0)
    if copies:
        return lambda i: xp.copy(array[i * size : (i + 1) * size])
    return lambda i: array[i * size : (i + 1) * size]


def _columns(data, name):
    """Return an array, or the same nesting of arrays."""
    if isinstance(data, dict):
        return {key: _columns(item, f"{name}[{key!r}]") for key, item in data.items()}
    if isinstance(data, list | tuple) and data and all(map(_is_array, data)):
        items = enumerate(data)
        return tuple([_columns(item, f"{name}[{i}]") for i, item in items])
    if isinstance(data, Variable):
        data = array_of(data)
    if hasattr(data, "tocsr"):
        raise DtypeError(
            f"batches: {name}: {kind(data)} came, a sparse matrix; needed an array; "
            "toarray() makes one"
        )
    try:
        array = backend.as_known_array(data)
    except DtypeError as error:
        said = str(error).removeprefix("asarray: ")
        raise DtypeError(f"batches: {name}: {said}") from None
    if not array.ndim:
        raise ShapeError(f"batches: {name}: {kind(data)} came, needed rows: (n, ...)")
    if type(array) not in backend.ARRAYS:  # a memory map: its pages are read when asked
        array = np.asarray(array)
    return array


def _is_array(item):
    return len(getattr(item, "shape", ())) > 0 or isinstance(item, dict)


def _rows_of(arrays):
    counts = {len(array) for array in arrays}
    if len(counts) != 1:
        shapes = " and ".join(str(array.shape) for array in arrays) or "no array"
        raise ShapeError(f"batches: {shapes} came, needed as many rows of each")
    return counts.pop()
