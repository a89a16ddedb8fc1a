"""Arrays joined in compiled steps: where their pieces are made, and the numbers.

All numbers are exact here, whatever computes them.
"""

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.counted import Counted
from xdl.backend import numpy as host
from xdl.program.memory.plan import Plan
from xdl.program.numpy_executor import executor as numpy_executor
from xdl.program.numpy_executor import tiles
from xdl.program.passes.pipeline import improved
from xdl.program.record.recorder import record
from xdl.program.record.state import State
from xdl.tracing.values import owner_of

CALLS = 3


class Joined(xdl.Op):
    """An operation that a test gives its kernel."""

    def __init__(self, kernel):
        self.kernel = kernel

    def compute(self, xp, x, w):
        return self.kernel(xp, x, w)


# Pieces of a larger array: where each of them may be made.


def _added_later(xp, x, w):
    piece = x * 2
    return xp.stack([piece, w * 3]) + piece


def _changed_before(xp, x, w):
    piece = x * 2
    piece[0] = w[0]
    return xp.stack([piece, w * 3])


def _in_a_later_one(xp, x, w):
    piece = x * 2
    return xp.concat([piece, xp.sum(xp.stack([w * 3, piece]), axis=0)])


PIECES = {  # a kernel, and which pieces of its last join are made in their place
    "stack": (lambda xp, x, w: xp.stack([x * 2, w * 3]), [True, True]),
    "concat": (lambda xp, x, w: xp.concat([x * 2, w[:2] * 3]), [True, True]),
    "from the end": (lambda xp, x, w: xp.stack([x * 2, w], axis=-3), [True, False]),
    "other axis": (lambda xp, x, w: xp.stack([x * 2, w * 3], axis=1), [False] * 2),
    "last axis": (lambda xp, x, w: xp.concat([x * 2, w * 3], axis=-1), [False] * 2),
    "flat": (lambda xp, x, w: xp.concat([x * 2, w * 3], axis=None), [False] * 2),
    "reshaped": (lambda xp, x, w: xp.stack([xp.reshape(x * 2, (16,))]), [True]),
    "transposed": (lambda xp, x, w: xp.stack([(x * 2).T, w * 3]), [False, True]),
    "made transposed": (lambda xp, x, w: xp.concat([x.T * 2, w * 3]), [False, True]),
    "reversed": (lambda xp, x, w: xp.stack([(x * 2)[::-1], w * 3]), [False, True]),
    "a part": (lambda xp, x, w: xp.concat([(x * 2)[1:], w * 3]), [False, True]),
    "twice": (lambda xp, x, w: xp.stack([y := x * 2, y]), [True, False]),
    "all after a part": (
        lambda xp, x, w: xp.concat([(y := x * 2)[1:], y]),
        [False, True],
    ),
    "given": (lambda xp, x, w: xp.stack([x, w, w * 3]), [False, False, True]),
    "numbers": (lambda xp, x, w: xp.stack([xp.sum(x), xp.max(w)]), [False] * 2),
    "other dtypes": (
        lambda xp, x, w: xp.stack([x * 2, xp.astype(w, xp.float32)]),
        [False] * 2,
    ),
    "transposed twice": (lambda xp, x, w: xp.stack([(x.T * 2).T, w]), [True, False]),
    "made of what dies": (lambda xp, x, w: xp.stack([x * 2 + w, x]), [True, False]),
    "read later": (_added_later, [False, True]),
    "changed before": (_changed_before, [False, True]),
    "in a later one": (_in_a_later_one, [True, True]),
}


def _planned(kernel, **options):
    """Plan a kernel; return its last join, and from each piece to its offset."""
    weight = xdl.Variable(np.ones((4, 4)), "w")
    step = lambda x: Joined(kernel)(x, weight)  # noqa: E731
    program, _ = record(step, State((weight,)), (np.ones((4, 4)),))
    plan = Plan(improved(program, host), **options)
    joins = [one for one in program.instructions if one.name in ("stack", "concat")]
    pieces = joins[-1].arguments[0]
    ends = np.cumsum([piece.nbytes for piece in pieces]).tolist()
    return plan, joins[-1].result, list(zip(pieces, [0, *ends[:-1]], strict=True))


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_is_made_in_its_place_if_nothing_else_needs_it(name):
    kernel, expected = PIECES[name]
    plan, whole, pieces = _planned(kernel)

    actual = [plan.is_placed(piece, whole, offset) for piece, offset in pieces]

    assert expected == actual
    assert any(expected) == plan.has_pieces(whole)


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_in_its_place_lies_in_the_memory_of_the_whole(name):
    plan, whole, pieces = _planned(PIECES[name][0])
    begin = plan.buffers[whole].offset

    assert [] == [
        (piece, offset)
        for piece, offset in pieces
        if plan.is_placed(piece, whole, offset)
        and plan.buffers[owner_of(piece)].offset != begin + offset
    ]


def test_pieces_of_pieces_lie_in_the_outermost_array():
    def kernel(xp, x, w):
        return xp.stack([xp.stack([x * i, w * i]) for i in (2, 3, 4)])

    plan, whole, _ = _planned(kernel)

    begin, size = plan.buffers[whole].offset, 4 * 4 * 8
    assert plan.nbytes == whole.nbytes == 6 * size
    assert [*range(begin, begin + 6 * size, size)] == sorted(
        plan.buffers[value].offset for value in plan.buffers if value.nbytes == size
    )


def test_no_piece_is_made_in_new_state():
    weight = xdl.Variable(np.ones((4, 4)), "w")

    def step(x):
        weight.value = xdl.concat([weight[2:] * 2, x[:2] * 3])

    program, _ = record(step, State((weight,)), (np.ones((4, 4)),))
    plan = Plan(improved(program, host))

    (whole,) = plan.over_state
    assert not plan.has_pieces(whole)
    assert 2 == len(plan.buffers)


def test_a_plan_without_joins_makes_no_piece_in_its_place():
    plan, whole, pieces = _planned(PIECES["stack"][0], joins=False)

    assert not plan.has_pieces(whole)
    assert not any(plan.is_placed(piece, whole, offset) for piece, offset in pieces)


# The numbers.


@pytest.fixture(params=["numpy", "numpy in tiles", "numba in groups"])
def executor(request, monkeypatch, tmp_path_factory):
    """Return the name of an executor, and let it run all groups that there are."""
    name = request.param.split()[0]
    if name == "numba":
        pytest.importorskip("numba")
        groups = "xdl.program.numba_executor.executor:NumbaExecutor"
        monkeypatch.setitem(numpy_executor.EXECUTORS, "numba", groups)
        monkeypatch.setattr(
            "xdl.program.numba_executor.executor.is_worth", lambda group: True
        )
        cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
        monkeypatch.setenv("XDL_CACHE", str(cache))
    elif "tiles" in request.param:
        monkeypatch.setattr(tiles, "LEAST", 0)
        monkeypatch.setattr(tiles, "TILE", 4)
    return name


def _read_later(x, w):
    piece = x * 2
    whole = xdl.stack([piece, w * 3])
    changed = whole * 0.5
    return changed, piece + w


def _changed_later(x, w):
    piece = x * 2
    whole = xdl.stack([piece, w * 3])
    changed = xdl.index_update(piece, (0,), w[0])
    return changed, whole + 1


def _in_two(x, w):
    piece = x * 2
    first = xdl.stack([piece, w * 3])
    second = xdl.concat([w * 5, piece])
    return first * 0.5, second


def _read_while_made(x, w):
    first = x * 2
    second = (first * w)[::-1] + first
    return xdl.stack([first, second[::-1], second * 0.5])


def _with_others_between(x, w):
    first = x * 2
    total = xdl.flip(xdl.flip(x + w, 0) * 2, 1) - first
    return xdl.stack([first, w * 3]), total


def _whole_read_twice(x, w):
    whole = xdl.stack([x * 2, w * 3])
    changed = whole * 0.5
    return changed[0] + whole[1], changed


def _part_and_all(x, w):
    piece = x * 2
    return xdl.concat([piece[:2], piece, piece[1:], w * 3])


def _back_to_front_and_all(x, w):
    piece = x * 2
    return xdl.stack([piece[::-1], piece, piece.T])


def _nested(x, w):
    rows = xdl.concat([x[:1] * 2, w[1:] * 3])
    pairs = xdl.stack([rows, x * 5]), xdl.stack([w * 7, x])
    return xdl.concat([xdl.stack([x * 9]), *pairs])


def _nested_and_returned(x, w):
    pair = xdl.stack([x * 2, w * 3])
    return xdl.concat([pair, pair + 1]), pair


def _total(x):
    return xdl.sum(x, axis=(0, 1), keepdims=True)


def _replaced_part(x, w):
    piece = xdl.index_update(x * 2, (0,), w[1])
    return xdl.stack([piece, w * 3])


def _with_part_replaced(x, w):
    whole = xdl.stack([x * 2, w * 3])
    return xdl.index_add(whole, (1,), x), xdl.index_update(whole, (0,), w)


JOINS = {
    "stack": lambda x, w: xdl.stack([x * 2, w * 3]),
    "concat": lambda x, w: xdl.concat([x * 2, w[:2] * 3, w]),
    "stack, last axis": lambda x, w: xdl.stack([x * 2, w * 3], axis=-1),
    "stack, second axis": lambda x, w: xdl.stack([x * 2, w * 3], axis=1),
    "stack, first axis from the end": lambda x, w: xdl.stack([x * 2, w * 3], axis=-3),
    "concat, last axis": lambda x, w: xdl.concat([x * 2, w[:, :3] * 3], axis=-1),
    "concat, first axis from the end": lambda x, w: xdl.concat([x * 2, w * 3], -2),
    "concat, flat": Joined(lambda xp, x, w: xp.concat([x * 2, w * 3], axis=None)),
    "one piece": lambda x, w: xdl.stack([x * w]),
    "a list": Joined(lambda xp, x, w: xp.concat([[[1, 2, 3, 4]], x * 2])),
    "one array": Joined(lambda xp, x, w: xp.concat(xp.stack([x * 2, w * 3]))),
    "what was given": lambda x, w: xdl.stack([x, w, np.ones((4, 4), "f4"), x * 2]),
    "other dtypes": Joined(
        lambda xp, x, w: xp.concat([xp.astype(x * 2, xp.float64), w * 3, x * 5])
    ),
    "truths": lambda x, w: xdl.stack([x > 0, w > x]),
    "without elements": lambda x, w: xdl.concat([x[:0] * 2, x * 2, w[:0] * 3, w * 3]),
    "of nothing": lambda x, w: xdl.concat([x[:0] * 2, w[:0] * 3]),
    "of one element": lambda x, w: x * xdl.concat([w[:0, :1], _total(x)]),
    "numbers": lambda x, w: xdl.stack([xdl.max(x), xdl.min(w) * 2, x[0, 0]]),
    "transposed": lambda x, w: xdl.stack([(x * 2).T, w * 3]),
    "transposed twice": lambda x, w: xdl.stack([(x.T * 2).T, (x * 3 + w.T).T]),
    "made of what dies": lambda x, w: xdl.stack([x * 2 + w, (w * 3 - x) * 2]),
    "transposed both": lambda x, w: xdl.stack([x.T * 2, w.T * 3]),
    "reversed": lambda x, w: xdl.concat([w * 3, (x * 2)[::-1]]),
    "columns reversed": lambda x, w: xdl.stack([(x * 2)[:, ::-1], w * 3]),
    "reshaped": lambda x, w: xdl.stack([(x * 2).reshape(-1), (w * 3).reshape(-1)]),
    "a part": lambda x, w: xdl.concat([(x * 2)[1:3], w * 3]),
    "the same twice": lambda x, w: xdl.concat([y := x * 2, w * 3, y]),
    "a part and all of it": _part_and_all,
    "back to front and all of it": _back_to_front_and_all,
    "a piece read later": _read_later,
    "a piece changed later": _changed_later,
    "a piece read while others are made": _read_while_made,
    "others made between": _with_others_between,
    "a piece of two": _in_two,
    "a whole read twice": _whole_read_twice,
    "nested": _nested,
    "nested and returned": _nested_and_returned,
    "a part replaced before": _replaced_part,
    "a part replaced after": _with_part_replaced,
}


def _replayed(step, executor):
    """Return what a step gives at each call with the weight then, and its eager calls.

    Args:
        step: a function of an array and a weight.
        executor: a name; None: it is not compiled.
    """
    weight = xdl.Variable(np.arange(-7, 9).reshape(4, 4), "w", dtype="f4")
    counted = called = Counted(lambda x: step(x, weight))
    if executor is not None:
        called = xdl.compile(counted, weight, executor=executor, verify=False)
    rng, found = np.random.default_rng(0), []
    for _ in range(CALLS):
        x = xdl.Variable(rng.integers(-9, 9, (4, 4)), dtype="f4", trainable=False)
        found += [*arrays_of(called(x)), weight.numpy().copy()]
    return found, counted.calls


@pytest.mark.parametrize("name", JOINS)
def test_joined_pieces_are_those_of_eager(name, executor):
    expected, _ = _replayed(JOINS[name], None)
    actual, eager_calls = _replayed(JOINS[name], executor)

    assert [] == differing(expected, actual)
    assert 1 == eager_calls  # the recorded one


def _rows_moved(x, w):
    w.value = xdl.concat([w[1:] * 0.5, x[:1] * 2])


def _halves(x, w):
    w.value = xdl.stack([x[:2] * 2, w[:2] * 0.5]).reshape((4, 4))


def _piece_kept(x, w):
    piece = w * 0.5 + x
    whole = xdl.stack([piece, x * 2])
    w.value = piece
    return whole


def _read_of_whole(x, w):
    whole = xdl.concat([w * 0.5, x * 2])
    w.value = whole[2:6]
    return whole


NEW_STATES = {
    "pieces of it": _rows_moved,
    "pieces of it, reshaped": _halves,
    "a piece of something": _piece_kept,
    "a part of a whole": _read_of_whole,
}


@pytest.mark.parametrize("name", NEW_STATES)
def test_joined_pieces_make_the_new_state_of_eager(name, executor):
    expected, _ = _replayed(NEW_STATES[name], None)
    actual, eager_calls = _replayed(NEW_STATES[name], executor)

    assert [] == differing(expected, actual)
    assert 1 == eager_calls  # the recorded one
