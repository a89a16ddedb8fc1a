"""The network of an estimator, and the step that trains it.

A step is recorded once for each shape of a network and batch and is kept: the next fit
of the same shape writes its weights in and starts at once.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse

from xdl import backend, nn, ops, optim
from xdl.arguments import described
from xdl.core.module import Module
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.program import compile
from xdl.typing import ArrayLike

Array = npt.NDArray[Any]
Given = Any  # what is given to an estimator: an array, a sparse matrix, a frame, a list
Held = tuple[Given, Array, Array | None]  # samples put aside, targets and weights
ACTIVATIONS: dict[str, Callable[[ArrayLike], Variable]] = {
    "identity": ops.positive,
    "logistic": ops.sigmoid,
}
_OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]]
_OPTIMIZERS = {"adam": optim.Adam, "sgd": optim.SGD}
_MOST_KEPT = 16  # steps


class Plan(NamedTuple):
    """What a step is recorded for: fits with equal plans may share one.

    Attributes:
        units: features, hidden units and outputs.
        activation: of the hidden units, a name as of ``activation``.
        output: "softmax", "logistic", "identity" or "exp": what becomes of scores.
        dtype: of the weights, by name.
        solver: "adam" or "sgd", or what makes an optimizer of a network.
        options: of the optimizer, but for the learning rate.
        dropout: the part of hidden units that is dropped.
        batch_norm: whether hidden units are normalized.
        executor: of ``xdl.compile``; None: steps run as they are.
        device: where they run.
    """

    units: tuple[int, ...]
    activation: str
    output: str
    dtype: str
    solver: str | Callable[..., optim.Optimizer] = "adam"
    options: tuple[tuple[str, Any], ...] = ()
    dropout: float = 0.0
    batch_norm: bool = False
    executor: str | None = None
    device: str = "cpu"


class Network(Module):
    """Affine layers with an activation between them.

    Args:
        plan: its Plan.

    Attributes:
        layers: the affine layers.
        norms: the BatchNorm1d after each hidden one, or none.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.activation = activation(plan.activation)
        with backend.use_device(plan.device):
            self.layers = [
                _Affine(*sizes, plan.dtype) for sizes in itertools.pairwise(plan.units)
            ]
            hidden = plan.units[1:-1] if plan.batch_norm else ()
            self.norms = [_norm(units, plan.dtype) for units in hidden]
        self.dropout = nn.Dropout(plan.dropout)

    def forward(self, x: ArrayLike) -> Variable:
        """Return the scores (n, outputs) of samples (n, features)."""
        *hidden, last = self.layers
        for i, layer in enumerate(hidden):
            x = layer(x)
            x = self.norms[i](x) if self.norms else x
            x = self.dropout(self.activation(x))
        return last(x)

    def squares(self) -> Variable:
        """Return the sum of the squares of all weights; biases are spared."""
        first, *others = [layer.weight for layer in self.layers]
        total = ops.sum(first * first)
        for weight in others:
            total = total + ops.sum(weight * weight)
        return total

    @property
    def variables(self) -> list[Variable]:
        """The weights of the layers, then their biases, then what norms have."""
        weights = [layer.weight for layer in self.layers]
        biases = [layer.bias for layer in self.layers]
        return weights + biases + self._of_norms()

    def _of_norms(self):
        return [v for norm in self.norms for v in norm.parameter.values()]

    def write(self, arrays: Sequence[Array]) -> None:
        """Take over what ``variables`` hold."""
        for variable, array in zip(self.variables, arrays, strict=True):
            variable.value = backend.asarray(array, variable.device)

    def read(self) -> list[Array]:
        """Return copies of what ``variables`` hold."""
        return [np.array(variable.numpy()) for variable in self.variables]


class _Affine(Module):
    def __init__(self, rows: int, columns: int, dtype: str) -> None:
        super().__init__()
        make = self.parameter.get_variable
        self.weight = make("weight", [rows, columns], np.zeros, dtype)
        self.bias = make("bias", columns, np.zeros, dtype)

    def forward(self, x: ArrayLike) -> Variable:
        return ops.linear(x, self.weight, self.bias)


def _norm(units, dtype):
    norm = nn.BatchNorm1d(units)
    for name, variable in list(norm.parameter.items()):
        new = Variable(variable.value.astype(dtype), name, variable.trainable)
        setattr(norm, name, norm.parameter.register(name, new))
    return norm


def activation(name: str) -> Callable[[ArrayLike], Variable]:
    """Return an activation: by a name of scikit-learn's, or of a function of xdl."""
    return ACTIVATIONS[name] if name in ACTIVATIONS else getattr(ops, name)


def on_host(array: Given) -> Given:
    """Return what was given, an array on a GPU as one of NumPy."""
    is_there = backend.device_of(array).kind != "cpu"
    return backend.to_numpy(array) if is_there else array


def losses(scores: Variable, target: ArrayLike, output: str) -> Variable:
    """Return the loss of each sample (n,), which training lowers.

    Args:
        scores: (n, outputs).
        target: labels (n,) for "softmax", else an array (n, outputs).
        output: what becomes of scores. "softmax": cross-entropy; "logistic": binary
            cross-entropy, summed over the outputs; "identity": half the squared
            difference, summed; "exp": half the deviance of a Poisson distribution,
            summed, but for what does not depend on the scores.
    """
    if output == "softmax":
        return ops.softmax_cross_entropy(scores, target, reduction="none")
    if output == "logistic":
        each = ops.binary_cross_entropy_with_logits(scores, target, reduction="none")
    elif output == "exp":
        each = ops.exp(scores) - target * scores
    else:
        difference = scores - target
        each = difference * difference * 0.5
    return ops.sum(each, axis=1)


def objective(network: Network, batch: Sequence[ArrayLike], output: str) -> Variable:
    """Return the mean loss of a batch.

    Args:
        network: the Network.
        batch: samples, targets and, it may be, a weight for each sample.
        output: as of ``losses``.
    """
    x, target, *weight = batch
    return mean_loss(network(x), target, weight, output)


def mean_loss(
    scores: Variable, target: ArrayLike, weight: Sequence[ArrayLike], output: str
) -> Variable:
    """Return the mean loss of scores.

    Args:
        scores, target, output: as of ``losses``.
        weight: none, or one: of a weight for each sample.
    """
    each = losses(scores, target, output)
    if not weight:
        return ops.mean(each)
    return ops.sum(each * weight[0]) / ops.sum(weight[0])


class Penalized:
    """The loss of a batch with the penalty of the weights, for ``xdl.train``.

    Args:
        network: the Network.
        output: as of ``losses``.
        alpha: the factor of half the squares of the weights.
        shown: the part of the loss that is shown; all of it is trained on.
    """

    def __init__(
        self, network: Network, output: str, alpha: float, shown: float
    ) -> None:
        self._network, self._output = network, output
        self._alpha, self._shown = alpha, shown

    def __call__(
        self, scores: Variable, target: Array | tuple[Array, Array]
    ) -> Variable:
        """Return the loss of scores; a target may be a pair with weights."""
        labels, *weight = target if isinstance(target, tuple) else (target,)
        data = mean_loss(scores, labels, weight, self._output)
        count = ops.sum(weight[0]) if weight else float(len(labels))
        total = data + self._network.squares() * (0.5 * self._alpha) / count
        if self._shown == 1:
            return total
        return total + (data * (self._shown - 1)).detach()


class Epochs:
    """Batches of samples for ``xdl.train``: epoch by epoch, in orders that are drawn.

    Args:
        arrays: samples, targets and, it may be, a weight for each sample.
        size: samples of a batch; the last one has what is left.
        random_state: draws the orders; None: samples come as they stand.
    """

    def __init__(
        self,
        arrays: Sequence[Given],
        size: int,
        random_state: np.random.RandomState | None = None,
    ) -> None:
        self._arrays, self._size, self._random_state = arrays, size, random_state
        self._order = np.arange(arrays[0].shape[0])

    def __len__(self) -> int:
        return -(-len(self._order) // self._size)

    def whole(self, epoch: int) -> Iterator[Sequence[Given]]:
        """Yield the arrays of the next epoch, all batches at once."""
        order = self.order()
        is_as_it_is = self._random_state is None
        yield [a if is_as_it_is else a[order] for a in self._arrays]

    def order(self) -> Array:
        """Return the numbers of the samples in the order of the next epoch."""
        if self._random_state is not None:
            self._random_state.shuffle(self._order)
        return self._order

    def __call__(self, epoch: int) -> Iterator[tuple[Array, object]]:
        """Yield the batches of the next epoch."""
        order = self.order()
        for first in range(0, len(order), self._size):
            rows = order[first : first + self._size]
            x, *targets = [array[rows] for array in self._arrays]
            x = x.toarray() if scipy.sparse.issparse(x) else x
            yield x, tuple(targets) if len(targets) > 1 else targets[0]


class Step:
    """A network, its optimizer, and a step of them.

    Args:
        plan: its Plan.

    Attributes:
        network: the Network.
        optimizer: its optimizer.
        step: does a step with a batch; returns the mean loss and the penalty.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.network = plan, Network(plan)
        self.optimizer = self._fresh()
        with backend.use_device(plan.device):
            self._alpha = Variable(0.0, trainable=False, dtype=plan.dtype)
        self.step: Any = self._trained
        if plan.executor is not None:
            state = (self.network, self.optimizer, self._alpha)
            self.step = compile(self._trained, *state, executor=plan.executor)

    def _fresh(self):
        """Return an optimizer that knows nothing; its rate is set before each epoch."""
        solver = self.plan.solver
        make = _OPTIMIZERS[solver] if isinstance(solver, str) else solver
        optimizer = make(self.network, lr=1.0, **dict(self.plan.options))
        if isinstance(optimizer, optim.Optimizer):
            return optimizer
        raise ArgumentError(
            f"solver {described(solver)} made {described(optimizer)}, needed an "
            "Optimizer of xdl.optim"
        )

    def _trained(self, *batch):
        """Take a step; return the mean loss, and the penalty of the weights before.

        That is alpha times half their squares, over the weight of the samples.
        """
        count = ops.sum(batch[2]) if len(batch) > 2 else float(batch[0].shape[0])
        loss = objective(self.network, batch, self.plan.output)
        penalty = self.network.squares() * (self._alpha * 0.5 / count)
        (loss + penalty).backward()
        self.optimizer.update()
        return loss, penalty

    def epoch(self, arrays: Sequence[Any], size: int) -> tuple[float, float]:
        """Train on batches of samples as they come.

        Args:
            arrays: samples, targets and, it may be, a weight for each sample.
            size: samples in a batch; the last one has what is left.

        Returns:
            The means, over all samples, of the loss and of the penalty.
        """
        n = arrays[0].shape[0]
        whole = n // size * size
        is_plain = len(arrays) == 2 and not scipy.sparse.issparse(arrays[0])
        found = []
        if is_plain and whole and self.plan.executor is not None:
            stacked = [a[:whole].reshape(-1, size, *a.shape[1:]) for a in arrays]
            found.append((size, self.step.over(*stacked)))
        else:
            whole = 0
        for first in range(whole, n, size):
            x, *others = [a[first : first + size] for a in arrays]
            x = x.toarray() if scipy.sparse.issparse(x) else x
            found.append((len(x), self.step(x, *others)))
        return means(found)

    def begin(
        self,
        arrays: Sequence[Array],
        alpha: float,
        moments: dict[str, object] | None = None,
    ) -> None:
        """Begin with a fit.

        Args:
            arrays: the weights.
            alpha: the factor of half their squares, which is divided by the weight of
                the samples of a batch.
            moments: what an optimizer knows; None: nothing.
        """
        if moments is None:
            moments = self._fresh().state_dict()
        self.optimizer.load_state_dict(moments)
        self.write(arrays, alpha)

    def write(self, arrays: Sequence[Array], alpha: float) -> None:
        """Take over weights and their penalty, and leave what the optimizer knows."""
        self.network.write(arrays)
        self._alpha.value = np.asarray(alpha, self.plan.dtype)


def means(
    found: Sequence[tuple[int, tuple[Variable, Variable]]],
) -> tuple[float, float]:
    """Return the means, over samples, of losses and penalties.

    Args:
        found: samples of a batch, and what steps with such batches returned.
    """
    sums, n = [0.0, 0.0], 0
    for size, returned in found:
        each = [backend.to_numpy(v.value).reshape(-1) for v in returned]
        sums = [
            s + size * float(e.sum(dtype=float))
            for s, e in zip(sums, each, strict=True)
        ]
        n += size * len(each[0])
    return sums[0] / n, sums[1] / n


_kept: list[Step] = []
_lock = threading.Lock()


@contextlib.contextmanager
def borrowed(plan: Plan) -> Iterator[Step]:
    """Lend a Step of a Plan: one that was given back, or a new one."""
    with _lock:
        found = [step for step in _kept if step.plan == plan][-1:]
        for step in found:
            _kept.remove(step)
    step = found[0] if found else Step(plan)
    yield step
    with _lock:
        _kept.append(step)
        del _kept[:-_MOST_KEPT]
