"""Operators that run graphs of their own."""

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut, data, number


def _if(call, condition):
    branch = "then_branch" if number(condition) else "else_branch"
    return call.run(call.options[branch], [])


def _loop(call, count=None, condition=None, *states):
    body, states, found = call.options["body"], list(states), []
    goes_on = True if condition is None else number(condition)
    limit = float("inf") if count is None else number(count)
    i = 0
    while goes_on and i < limit:
        given = [data(np.asarray(i, np.int64)), data(goes_on), *states]
        goes_on, *results = call.run(body, given)
        goes_on, i = number(goes_on), i + 1
        found.append(results[len(states) :])
        states = results[: len(states)]
    return states + [xdl.stack(parts) for parts in zip(*found, strict=True)]


def _scan(call, *inputs):
    if call.opset < 9:
        raise LeftOut("an older version of the operator")
    body, count = call.options["body"], call.get("num_scan_inputs")
    states, rows = list(inputs[:-count]), inputs[-count:]
    in_axes = call.get("scan_input_axes") or [0] * count
    in_flips = call.get("scan_input_directions") or [0] * count
    steps = [
        _steps(x, axis, flip)
        for x, axis, flip in zip(rows, in_axes, in_flips, strict=True)
    ]
    found = []
    for given in zip(*steps, strict=True):
        results = call.run(body, [*states, *given])
        states = results[: len(states)]
        found.append(results[len(states) :])
    outputs = list(zip(*found, strict=True))
    axes = call.get("scan_output_axes") or [0] * len(outputs)
    flips = call.get("scan_output_directions") or [0] * len(outputs)
    stacked = [
        xdl.stack(list(parts)[:: -1 if flip else 1], axis)
        for parts, axis, flip in zip(outputs, axes, flips, strict=True)
    ]
    return states + stacked


def _steps(x, axis, flip):
    parts = list(xdl.unstack(x, axis))
    return parts[::-1] if flip else parts


OPERATORS = {"If": _if, "Loop": _loop, "Scan": _scan}
