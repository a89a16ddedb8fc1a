"""PyTorch's calls for the family recurrent."""

from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional
_KINK = "the slope of the relu jumps there; each takes one side's"


def _loop(step, x, states, mask, reverse):
    """Run a cell of PyTorch over the steps; join the result as xdl's operation does."""
    length = len(x)
    outputs = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        new = step(x[t], states)
        outputs[t] = new[0]
        if mask is not None:
            on = (mask[t] != 0)[:, None]
            outputs[t] = torch.where(on, new[0], 0)
            new = [torch.where(on, a, b) for a, b in zip(new, states, strict=True)]
        states = new
    return torch.stack([*outputs, *states])


def _transposed(*arrays):
    return tuple(a.mT if a.ndim == 2 else a for a in arrays if a is not None)


def _torch_gru(x, h, w, u, b=None, hb=None, mask=None, reverse=False):
    weights = _transposed(w, u, b, hb)
    return _loop(
        lambda r, s: (torch.gru_cell(r, s[0], *weights),), x, (h,), mask, reverse
    )


def _zeros(bias):
    return () if bias is None else (torch.zeros_like(bias),)


def _torch_lstm(x, h, c, w, u, b=None, mask=None, reverse=False):
    weights = (*_transposed(w, u, b), *_zeros(b))
    return _loop(lambda r, s: torch.lstm_cell(r, s, *weights), x, (h, c), mask, reverse)


def _torch_rnn(x, h, w, u, b=None, mask=None, reverse=False, activation="tanh"):
    weights = (*_transposed(w, u, b), *_zeros(b))
    cell = torch.rnn_tanh_cell if activation == "tanh" else torch.rnn_relu_cell
    return _loop(lambda r, s: (cell(r, s[0], *weights),), x, (h,), mask, reverse)


ROWS = (
    Row("gru", samples=(), as_torch=_torch_gru),
    Row("gru_cell", samples=()),
    Row("lstm", samples=(), as_torch=_torch_lstm),
    Row("lstm_cell", samples=()),
    Row(
        "rnn",
        samples=(),
        as_torch=_torch_rnn,
        differs={"case 3 second_gradient": _KINK},
    ),
    Row("rnn_cell", samples=()),
)
