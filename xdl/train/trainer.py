"""Trainer: fit a model to batches, evaluate it, predict with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from xdl import backend, io
from xdl.arguments import explained, kind
from xdl.backend import ARRAYS
from xdl.core.mode import no_grad
from xdl.core.module import Module
from xdl.core.parameter import refuse
from xdl.core.variable import Variable, array_of
from xdl.errors import (
    ArgumentError,
    CheckpointError,
    DeviceError,
    EmptyBatchError,
    GraphError,
    NonFiniteError,
)
from xdl.optim import Optimizer
from xdl.optim.ranges import Whole
from xdl.program import atomic
from xdl.program.pytree import leaves, mapped
from xdl.train.callback import Callback, Logs
from xdl.train.course import MANY, Course, Mean
from xdl.train.interrupt import Noted
from xdl.train.loader import Batches
from xdl.train.metrics import metric_of
from xdl.train.report import reported
from xdl.train.steps import EAGER, Steps, rows_of, usual_executor
from xdl.typing import Array, PathLike

_PREDICTED = 256  # rows of a batch


class Trainer:
    """Train a model without a loop of one's own.

    Args:
        model: a Module.
        optimizer: of its weights.
        loss: a function of the model's output and the target, such as
            ``xdl.softmax_cross_entropy``, or a loss layer; None: the model is a Model
            with a loss of its own.
        executor: "numpy" or "numba": the steps are compiled, as by ``xdl.compile``;
            "eager": they run as they are; default: "numpy", on a GPU "eager".
        callbacks: Callbacks, called in this order, but for those that come last.
        metrics: what ``evaluate`` measures beside the loss: Metrics, names of them
            ("accuracy", "auc", "confusion_matrix", "f1", "mae", "r2",
            "top_k_accuracy"), or functions of all targets and outputs.

    Attributes:
        epoch: how many epochs are done.
        steps: how many steps are done, updates of the weights.
        place: how many batches of the epoch under way are done.
        history: a list of a dict for each epoch: its number, the mean loss, the
            learning rate, and what was measured of the validation, as ``val_loss`` and
            so on.
        outcome: how the last ``fit`` ended: "done", "stopped" by a callback,
            "interrupted" or "failed"; None: it has not.
        was_loaded: whether the next ``fit``, or the one under way, goes on from a
            ``load``.

    Raises:
        ArgumentError: there is no loss, or something that came is something else.

    Example:
        >>> import numpy as np, xdl
        >>> xdl.seed(0)
        >>> x = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")
        >>> y = (x.sum(axis=1) > 0).astype(int)
        >>> model = xdl.models.MLP([3, 8, 2])
        >>> trainer = xdl.train.Trainer(model, xdl.optim.Adam(model, lr=0.05))
        >>> data = xdl.train.batches(x, y, size=20, shuffle=True)
        >>> history = trainer.fit(data, epochs=20)
        >>> history[-1]["loss"] < history[0]["loss"]
        True
        >>> trainer.predict(x).shape
        (64, 2)
    """

    @explained
    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[..., Variable] | Module | None = None,
        executor: str | None = None,
        callbacks: Sequence[Callback] = (),
        metrics: Sequence[object] = (),
    ) -> None:
        callbacks = list(callbacks)
        needed = [(model, Module), (optimizer, Optimizer)]
        for came, cls in [*needed, *((one, Callback) for one in callbacks)]:
            if not isinstance(came, cls):
                article = "an" if cls is Optimizer else "a"
                raise ArgumentError(
                    f"Trainer: {kind(came)} came, needed {article} {cls.__name__}"
                )
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.callbacks = tuple(sorted(callbacks, key=lambda one: one.comes_last))
        self.metrics = [metric_of(one) for one in metrics]
        names = ["loss", *(metric.name for metric in self.metrics)]
        if len(set(names)) < len(names):
            raise ArgumentError(
                f"Trainer: metrics {', '.join(names[1:])} came, needed other names"
            )
        self.epochs, self.batches = 0, None
        self.outcome: str | None = None
        self._course, self.was_loaded = Course(), False
        self._ends: str | None = None
        self._executor = usual_executor(model) if executor is None else executor
        self._steps = Steps(self, loss, self._executor, self._hooks)

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self._course.epoch

    @property
    def steps(self) -> int:
        """How many steps are done, updates of the weights."""
        return self._course.steps

    @property
    def place(self) -> int:
        """How many batches of the epoch under way are done."""
        return self._course.place

    @property
    def history(self) -> list[Logs]:
        """What each epoch came to: a list of dicts."""
        return self._course.history

    def __repr__(self) -> str:
        who = f"{type(self.model).__name__} by {self.optimizer!r}"
        told = f"epochs: {self.epoch}, steps: {self.steps}"
        last = f", loss: {self.history[-1]['loss']:.4g}" if self.history else ""
        return f"<Trainer of {who}; {told}{last}>"

    def _hooks(self, name):
        """Return the methods of a name that callbacks define."""
        of_all = getattr(Callback, name)
        named = [getattr(one, name) for one in self.callbacks]
        return [hook for hook in named if hook.__func__ is not of_all]

    @explained
    def fit(
        self,
        train: Iterable[object] | Callable[[int], Iterable[object]],
        validation: Iterable[object] | Callable[[int], Iterable[object]] | None = None,
        epochs: int = 1,
    ) -> list[Logs]:
        """Train until so many epochs are done, those before this call too.

        Ctrl-C ends it after the step under way, with a KeyboardInterrupt: all is then
        as that step left it, can be saved, and the next ``fit`` goes on from there.

        Args:
            train: batches ``(x, y)``: what ``batches`` returns, another iterable that
                gives them anew for each epoch, or a function from the number of the
                epoch (from 0 on) to one.
            validation: the same, evaluated after each epoch; None: there is none.
            epochs: how many there are to be in all; default 1.

        Returns:
            The ``history``.

        Raises:
            ArgumentError: a batch is no pair, or all epochs were done before.
            CheckpointError: what was loaded does not fit ``train``.
            EmptyBatchError: there is no batch.
            NonFiniteError: a gradient is not finite; it names the batch and the layer,
                the line and the range. No weight was changed.
        """
        self._begin(train, epochs)
        try:
            with Noted(self._interrupt):
                for hook in self._hooks("on_train_begin"):
                    hook(self)
                while self.epoch < epochs and self._ends is None:
                    self._one_epoch(train, validation)
                self._heed()
            self.outcome = self._ends or "done"
        except (DeviceError, GraphError) as error:
            if self._executor != EAGER:
                error.add_note(f'Trainer: executor="{EAGER}" runs steps as they are')
            raise
        finally:
            self._ends, self.was_loaded = None, False
            for hook in self._hooks("on_train_end"):
                hook(self)
        return self.history

    def stop(self) -> None:
        """End the ``fit`` after the step under way; for callbacks."""
        self._ends = self._ends or "stopped"

    def _interrupt(self):
        self._ends = "interrupted"

    def _heed(self):
        """End where the state is whole, if Ctrl-C came."""
        if self._ends == "interrupted":
            self.outcome = self._ends
            raise KeyboardInterrupt

    def _begin(self, train, epochs):
        Whole().checked("Trainer.fit: epochs", epochs)
        if self.epoch >= epochs and not self.was_loaded:
            raise ArgumentError(
                f"Trainer.fit: epochs={epochs} came, and {self.epoch} are done; "
                "epochs counts these too"
            )
        if isinstance(train, Iterator) and epochs - self.epoch > 1:
            raise ArgumentError(
                f"Trainer.fit: {kind(train)} came, which gives one epoch alone; needed "
                "batches(x, y), a list, or a function from the epoch to batches"
            )
        if isinstance(train, Batches):
            self._agree(train)
        elif not self._course.place:
            self._course.rows = 0  # the first batch says what is usual
        self.optimizer.zero_grad()  # what a step left behind that was broken off
        self.epochs, self.batches = epochs, _length(train)
        self._ends, self.outcome = None, "failed"

    def _agree(self, train):
        """Let batches have the order of the training that goes on."""
        course, rows = self._course, min(train.size, train.rows)
        if course.place and (course.place > len(train) or course.rows != rows):
            raise CheckpointError(
                f"Trainer.fit: {train!r} came, but the training that goes on is at "
                f"batch {course.place} of an epoch in batches of {course.rows} rows"
            )
        if course.seed is not None and (self.was_loaded or course.place):
            train.seed = course.seed
        course.seed, course.rows = train.seed, rows

    def _one_epoch(self, train, validation):
        course = self._course
        self._begin_epoch()
        self._run(_of_epoch(train, course.epoch, course.place))
        if self._ends is not None:
            return
        if not course.place:
            raise EmptyBatchError("Trainer.fit: an epoch of no batches came")
        self._end_epoch(validation)

    def _begin_epoch(self):
        if not self.model.is_training:
            self.model.train()
        for hook in self._hooks("on_epoch_begin"):
            hook(self)

    def _end_epoch(self, validation):
        course = self._course
        logs = {"epoch": course.epoch + 1, "loss": course.mean.value()}
        logs["lr"] = self.optimizer.lr
        if validation is not None:
            measured = self.evaluate(_of_epoch(validation, course.epoch, 0))
            logs |= {f"val_{name}": value for name, value in measured.items()}
        course.end_epoch(logs)
        for hook in self._hooks("on_epoch_end"):
            hook(self)

    def _run(self, given):
        """Train on batches until they end, or the training."""
        hooks = self._hooks("on_step_end")
        every = max([one.accumulates for one in self.callbacks], default=1)
        if every == 1:
            self._each(given, hooks)
            return
        for group in _groups(given, every):
            self._on_several(group)
            if self._is_over(hooks):
                return

    def _each(self, given, hooks):
        """Do a step on each batch; written for speed before beauty."""
        course, usual, odd = self._course, self._steps.train.usual, self._on_odd
        mean, before = course.mean, course.steps - course.place
        rows, losses = course.rows, mean.of(course.rows)
        for place, batch in enumerate(given, course.place + 1):
            try:
                x, y = batch
            except (TypeError, ValueError):
                raise _no_pair(batch) from None
            try:
                if (len(x) if type(x) in ARRAYS else rows_of(x)) == rows:
                    losses.append(usual(x, y))
                else:
                    mean.of(rows_of(x)).append(odd(x, y))
                    rows, losses = course.rows, mean.of(course.rows)
            except NonFiniteError as error:
                raise self._explained(error, x, y) from None
            course.place, course.steps = place, before + place
            if not place % MANY:
                mean.settle()
            if (hooks or self._ends is not None) and self._is_over(hooks):
                return

    def _on_odd(self, x, y):
        """Do a step on a batch that is the first one or has another number of rows."""
        step = self._steps.train.of(rows_of(x), self._usual(x))
        return step(x, y)

    def _usual(self, x):
        """Return the number of rows of a usual batch: the first one has it."""
        course = self._course
        course.rows = course.rows or rows_of(x)
        return course.rows

    def _on_several(self, group):
        """Do a step with the gradients of several batches: of all, or of none."""
        pairs = [_checked(batch) for batch in group]
        rows = [rows_of(x) for x, _ in pairs]
        steps = [self._steps.gather] * (len(pairs) - 1) + [self._steps.train_on]
        statistics = [v for v in self.model.parameter.values() if not v.trainable]
        losses = []
        with atomic(*statistics):  # and the place in the random draws
            for (x, y), count, step in zip(pairs, rows, steps, strict=True):
                try:
                    do = step.of(count, self._usual(x))
                    losses.append(do(x, y, count / sum(rows)))
                except NonFiniteError as error:
                    raise self._explained(error, x, y) from None
        for loss, count in zip(losses, rows, strict=True):
            self._course.mean.of(count).append(loss)
        self._course.place += len(pairs)
        self._course.steps += 1

    def _is_over(self, hooks):
        """Tell callbacks of a step; tell whether the training ends after it."""
        for hook in hooks:
            hook(self)
        self._heed()
        return self._ends is not None

    def _explained(self, error, x, y):
        where = f"epoch {self.epoch + 1}, batch {self.place + 1}"
        return reported(error, where, self._steps, x, y)

    @explained
    def evaluate(self, data: Iterable[object]) -> Logs:
        """Measure the model on batches, in evaluation mode.

        Args:
            data: batches ``(x, y)``.

        Returns:
            A dict: the mean ``loss``, and what the metrics measured, by their names.

        Raises:
            ArgumentError: a batch is no pair.
            EmptyBatchError: there is no batch.
        """
        mean, usual = Mean(), 0
        for metric in self.metrics:
            metric.reset()
        with self._evaluating():
            for batch in data:
                x, y = _checked(batch)
                rows = rows_of(x)
                usual = usual or rows
                loss, output = self._steps.evaluate.of(rows, usual)(x, y)
                mean.of(rows).append(loss)
                for metric in self.metrics:
                    metric.update(output, y)
                self._heed()
        if not usual:
            raise EmptyBatchError("Trainer.evaluate: no batch came")
        measured = {metric.name: metric.compute() for metric in self.metrics}
        return {"loss": mean.value(), **measured}

    @explained
    def predict(self, data: object) -> Array:
        """Return what the model makes of all rows, in evaluation mode.

        Args:
            data: what ``batches`` takes as ``x``, or what it returns.

        Returns:
            A NumPy array (n, ...), or nested ones for a model of several outputs.
        """
        data = data if isinstance(data, Batches) else Batches(data, size=_PREDICTED)
        found = []
        with self._evaluating():
            for x in data.inputs():
                output = self._steps.predict.of(rows_of(x), data.size)(x)
                found.append(mapped(output, lambda v: backend.to_numpy(array_of(v))))
        columns = zip(*map(leaves, found), strict=True)
        joined = iter([backend.numpy.concat(column) for column in columns])
        return mapped(found[0], lambda leaf: next(joined))

    @contextlib.contextmanager
    def _evaluating(self):
        """Return a context in evaluation mode; modes are then as they were."""
        modes = [(module, module.is_training) for module in self.model.modules()]
        self.model.eval()
        try:
            with no_grad(), contextlib.ExitStack() as stack:
                for one in self.callbacks:
                    stack.enter_context(one.evaluating(self))
                yield
        finally:
            for module, was_training in modes:
                if was_training:
                    module.is_training = True

    @explained
    def save(self, path: PathLike) -> None:
        """Write a checkpoint of all that the training needs to go on, by ``xdl.save``.

        It holds ``model`` and ``optimizer`` under these names, for ``xdl.load``.

        Args:
            path: the file.
        """
        io.save(path, **self._things())

    @explained
    def load(self, path: PathLike) -> None:
        """Go on from a checkpoint that ``save`` wrote: the next ``fit`` does.

        The random draws go on from where they stood, too; so does the order of
        ``batches`` that are shuffled. Losses and weights are then, to the bit, those of
        a training that was not interrupted.

        Args:
            path: the file.

        Raises:
            CheckpointError: it is damaged, or does not fit; nothing has changed.
        """
        io.load(path, random=True, **self._things())

    def _things(self):
        things = {"trainer": self, "model": self.model, "optimizer": self.optimizer}
        if isinstance(self.loss, Module) and len(self.loss.parameter):
            things["loss"] = self.loss
        return things

    def state_dict(self) -> dict[str, object]:
        """Return how far the training has come, and what callbacks must remember."""
        states = {name: one.state_dict() for name, one in self._named().items()}
        callbacks = {name: state for name, state in states.items() if state}
        return {"course": self._course.state_dict(), "callbacks": callbacks}

    def _named(self):
        """Return the callbacks by names: their classes, and numbers where needed."""
        named: dict[str, Callback] = {}
        for one in self.callbacks:
            name = type(one).__name__
            same = sum(type(other) is type(one) for other in named.values())
            named[f"{name}{same + 1}" if same else name] = one
        return named

    def misfits(self, saved: dict[str, object]) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        if not isinstance(saved, dict) or saved.keys() != {"course", "callbacks"}:
            return ["it is no state of a Trainer"]
        faults = self._course.misfits(saved["course"])
        named, states = self._named(), saved["callbacks"]
        needed = {name for name, one in named.items() if one.state_dict()}
        if not isinstance(states, dict) or states.keys() != needed:
            came = list(states) if isinstance(states, dict) else type(states).__name__
            return [*faults, f"callbacks {came} came, needed {sorted(needed)}"]
        for name, state in states.items():
            faults += [f"{name}: {said}" for said in named[name].misfits(state)]
        return faults

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Take over what ``state_dict`` returned.

        Raises:
            CheckpointError: it does not fit; nothing has changed.
        """
        refuse(self, self.misfits(saved))
        self._take(**saved)

    def _take(self, course, callbacks):
        self._course.load_state_dict(course)
        named = self._named()
        for name, state in callbacks.items():
            named[name].load_state_dict(state)
        self.was_loaded = True


def _checked(batch):
    """Return the parts of a batch."""
    try:
        x, y = batch
    except (TypeError, ValueError):
        raise _no_pair(batch) from None
    return x, y


def _no_pair(batch):
    return ArgumentError(
        f"Trainer: {kind(batch)} came as a batch, needed a pair (x, y)"
    )


def _of_epoch(data, epoch, place):
    """Return an iterator over the batches of an epoch, from a place on."""
    if isinstance(data, Batches):
        return data.of_epoch(epoch, place)
    return islice(data(epoch) if callable(data) else data, place, None)


def _groups(given, count):
    given = iter(given)
    while group := list(islice(given, count)):
        yield group


def _length(data):
    return len(data) if hasattr(data, "__len__") else None
