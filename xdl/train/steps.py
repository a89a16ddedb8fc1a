"""What a trainer does with one batch: to train on it, to evaluate it, to predict."""

from xdl import program
from xdl.arguments import described, kind
from xdl.core.module import Model, Module
from xdl.errors import ArgumentError
from xdl.program.pytree import leaves, mapped
from xdl.program.record.recorder import given_as, prepared

EAGER = "eager"
_SEVERAL = (tuple, dict)


def usual_executor(model):
    """Return the executor for a model where none was asked for."""
    devices = {variable.device for variable in model.parameter.values()}
    return None if devices <= {"cpu"} else EAGER


class Step:
    """A function of a batch, compiled for batches of one number of rows.

    Others, the odd last one of an epoch, run as they are: a program of their own would
    cost as much as hundreds of such steps.

    Args:
        function: what is done.
        state: what it changes.
        executor: "eager", or that of ``xdl.compile``.

    Attributes:
        usual: does it with a batch of the usual number of rows.
        odd: does it with any other.
    """

    def __init__(self, function, state, executor):
        self.usual = self.odd = function
        if executor != EAGER:
            self.usual = program.compile(function, *state, executor=executor)
            self.odd = _eager(function)

    def of(self, rows, usual):
        """Return what does it with so many rows."""
        return self.usual if rows == usual else self.odd


def _eager(function):
    """Return a function that is given what a compiled one is: Variables."""

    def step(*arguments):
        return function(*mapped(arguments, lambda leaf: given_as(prepared(leaf))))

    return step


class Steps:
    """All steps of a trainer.

    Args:
        trainer: the Trainer that callbacks are told of.
        loss: as a Trainer takes it.
        executor: as of a Step.
        hooks: a function from the name of a method to those of the callbacks.

    Attributes:
        state: what they change.
        explore: (x, y) -> loss, with a backward.
        train: (x, y) -> loss, with an update.
        gather, train_on: (x, y, weight) -> loss, which adds a part of the gradient; the
            second one with an update.
        evaluate: (x, y) -> loss, output.
        predict: x -> output.
    """

    def __init__(self, trainer, loss, executor, hooks):
        model, optimizer = trainer.model, trainer.optimizer
        loss_of, backward_of = _loss_function(model, loss)
        layers = (loss,) if isinstance(loss, Module) else ()
        parts = [part for one in trainer.callbacks for part in one.state()]
        self.state = (model, optimizer, *layers, *parts)
        update = _updating(trainer, hooks)
        steps = _training(model, loss_of, backward_of, update)
        made = [Step(step, self.state, executor) for step in steps]
        self.explore, self.train, self.gather, self.train_on = made
        steps = _measuring(model, loss_of)
        made = [Step(step, (model, *layers), executor) for step in steps]
        self.evaluate, self.predict = made


def _updating(trainer, hooks):
    """Return a function that updates the weights, with what callbacks do at that."""
    changed, updated = hooks("on_grad_computed"), hooks("on_update")

    def update():
        for hook in changed:
            hook(trainer)
        trainer.optimizer.update()
        for hook in updated:
            hook(trainer)

    return update


def _training(model, loss_of, backward_of, update):
    def explore(x, y):
        loss = loss_of(called(model, x), y)
        backward_of(loss)
        return loss

    def train(x, y):
        loss = explore(x, y)
        update()
        return loss

    def gather(x, y, weight):
        loss = loss_of(called(model, x), y)
        (loss * weight).backward()
        return loss

    def train_on(x, y, weight):
        loss = gather(x, y, weight)
        update()
        return loss

    return explore, train, gather, train_on


def _measuring(model, loss_of):
    def evaluate(x, y):
        output = called(model, x)
        return loss_of(output, y), output

    def predict(x):
        return called(model, x)

    return evaluate, predict


def called(model, x):
    """Return what a model makes of its input, or of several: a tuple or a dict."""
    if isinstance(x, tuple):
        return model(*x)
    return model(**x) if isinstance(x, dict) else model(x)


def _loss_function(model, loss):
    """Return functions (output, target) -> loss, and loss -> None: its backward."""
    if loss is None:
        if not isinstance(model, Model):
            raise ArgumentError(
                f"Trainer: no loss came, and {kind(model)} is no Model, which has one; "
                "needed a function of output and target, or a loss layer"
            )
        return lambda output, target: model.loss(target), lambda loss: model.backward()
    if hasattr(loss, "forward") and hasattr(loss, "loss"):

        def of_layer(output, target):
            loss.forward(output)
            return loss.loss(target)

        return of_layer, _backward
    if not callable(loss):
        raise ArgumentError(
            f"Trainer: {described(loss)} came as loss, needed a function of output and "
            "target, or a loss layer"
        )
    return loss, _backward


def _backward(loss):
    loss.backward()


def rows_of(x):
    """Return the number of rows of an input, or of the first of several."""
    try:
        return len(leaves(x)[0] if type(x) in _SEVERAL else x)
    except (IndexError, TypeError):
        raise ArgumentError(f"Trainer: {described(x)} came as x, needed rows") from None
