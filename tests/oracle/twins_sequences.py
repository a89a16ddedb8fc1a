"""What in xdl says the same as PyTorch's recurrent networks and attention."""

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut
from tests.oracle.twins import function_twin, layer_twin

nn = xdl.nn
_KINDS = {"weight": "weight_ih", "hidden_weight": "weight_hh"}


def _recurrent(m):
    kind = type(m).__name__
    if getattr(m, "proj_size", 0):
        raise LeftOut("xdl's LSTM has no projection")
    more = {"activation": m.nonlinearity} if kind == "RNN" else {}
    layer = getattr(nn, kind)(
        *(m.input_size, m.hidden_size, m.num_layers),
        bidirectional=m.bidirectional,
        bias=m.bias,
        **more,
    )
    names = {}
    for ours in layer.parameter:
        what, _, place = (
            ours.rpartition("_reverse")[0].rpartition("_")
            if (ours.endswith("_reverse"))
            else ours.rpartition("_")
        )
        end = f"_l{place}" + ("_reverse" if ours.endswith("_reverse") else "")
        if what in _KINDS:
            names[ours] = (_KINDS[what] + end, np.transpose)
        elif kind == "GRU":
            names[ours] = f"bias_{'hh' if what == 'hidden_bias' else 'ih'}{end}"
        else:
            names[ours] = ([f"bias_ih{end}", f"bias_hh{end}"], lambda x: x)

    def call(x, state=None):
        return _run_recurrent(m, layer, x, state)

    return layer_twin(m, layer, names, call)


def _run_recurrent(m, layer, x, state):
    is_alone, is_pair = x.ndim == 2, isinstance(layer, nn.LSTM)
    if is_alone:
        x = xdl.expand_dims(x, 1)
    elif m.batch_first:
        x = xdl.permute_dims(x, (1, 0, 2))
    if state is not None and is_alone:
        parts = [xdl.expand_dims(s, 1) for s in (state if is_pair else [state])]
        state = tuple(parts) if is_pair else parts[0]
    y, last = layer(x, state)
    parts = list(last) if is_pair else [last]
    if is_alone:
        return [part[:, 0] for part in (y, *parts)]
    return [xdl.permute_dims(y, (1, 0, 2)) if m.batch_first else y, *parts]


def _cell(m):
    kind = type(m).__name__

    def call(w, x, state=None):
        weights = [xdl.transpose(w["weight_ih"]), xdl.transpose(w["weight_hh"])]
        both = [w["bias_ih"], w["bias_hh"]] if m.bias else [None, None]
        one = both[0] + both[1] if m.bias else None
        is_alone = x.ndim == 1
        states = state if isinstance(state, list | tuple) else [state]
        x, *states = [v[None] for v in (x, *states)] if is_alone else (x, *states)
        if kind == "GRUCell":
            found = [xdl.gru_cell(x, *states, *weights, *both)]
        elif kind == "LSTMCell":
            found = xdl.lstm_cell(x, *states, *weights, one)
        else:
            found = [xdl.rnn_cell(x, *states, *weights, one, m.nonlinearity)]
        return [v[0] for v in found] if is_alone else list(found)

    return function_twin(m, call)


SEQUENCES = dict.fromkeys(("RNN", "GRU", "LSTM"), _recurrent)
SEQUENCES |= dict.fromkeys(("RNNCell", "GRUCell", "LSTMCell"), _cell)
