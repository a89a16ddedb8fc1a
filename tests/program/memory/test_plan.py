"""The planner: what lives at the same time never shares memory."""

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing
from xdl.backend import numpy as host
from xdl.program.fusion.groups import Group
from xdl.program.fusion.rows import grouped
from xdl.program.memory.arena import Buffer, placed_in_arena
from xdl.program.memory.plan import Plan, can_write
from xdl.program.numpy_executor import tiles
from xdl.program.passes.pipeline import improved
from xdl.program.record.recorder import record
from xdl.program.record.state import State
from xdl.tracing.values import owner_of


class Written(xdl.Op):
    """An operation that a test gives its kernel."""

    def __init__(self, kernel):
        self.kernel = kernel

    def compute(self, xp, x, w):
        return self.kernel(xp, x, w)


def _mlp():
    model = xdl.models.MLP([4, 6, 5, 3], dropout=0.2)
    optimizer = xdl.optim.Adam(model)

    def step(x):
        model.forward(x)
        loss = model.loss(np.arange(8) % 3)
        model.backward()
        optimizer.update()
        return loss

    return step, (model, optimizer), (8, 4)


def _gpt():
    model = xdl.models.GPT(5, 6, 8, 2, 2)
    optimizer = xdl.SGD(model, 0.1, 0.9)

    def step(x):
        model.forward(x.astype("int64"))
        loss = model.loss(x.astype("int64"))
        model.backward()
        optimizer.update()
        return loss

    return step, (model, optimizer), (2, 6)


def _recurrent():
    model = xdl.models.RNNClassifier(3, 4, 2, bidirectional=True)
    optimizer = xdl.SGD(model, 0.1)

    def step(x):
        model.forward(x)
        loss = model.loss([0, 1])
        model.backward()
        optimizer.update()
        return loss

    return step, (model, optimizer), (2, 5, 3)


def _convolutional():
    model = xdl.models.ResNet(1, 3, 2, (1, 1))
    return (
        lambda x: (xdl.sum(model(x)).backward(), model.output)[1],
        (model,),
        (2, 1, 6, 6),
    )


def _joining():
    weight = xdl.Variable(np.ones((4, 3)), "w", dtype="f4")

    def step(x):
        pairs = [
            xdl.stack([x * i, xdl.matmul(xdl.matmul(x, x.T), weight), x + weight])
            for i in range(2, 5)
        ]
        moved = xdl.concat([weight[1:] * 2, x[:1] * 3])
        whole = xdl.concat([*pairs, xdl.stack([x, weight])])
        weight.value = moved
        return xdl.tanh(whole), pairs[2]

    return step, (weight,), (4, 3)


PROGRAMS = {
    "joins": _joining,
    "MLP": _mlp,
    "GPT": _gpt,
    "RNN": _recurrent,
    "ResNet": _convolutional,
}


def _planned(function, state, *arrays, is_worth=lambda group: False):
    program, _ = record(function, State(state), arrays)
    improved(program, host)
    grouped(program, is_worth)
    return program, Plan(program)


@pytest.fixture(params=["whole", "in groups"])
def planned(request):
    """Return a function that plans one of PROGRAMS, with groups and without."""

    def plan(name):
        function, state, shape = PROGRAMS[name]()
        x = np.random.default_rng(0).uniform(0, 4, shape).astype("f4")
        return _planned(
            function, state, x, is_worth=lambda group: request.param == "in groups"
        )

    return plan


def _made(instruction):
    if isinstance(instruction, Group):
        return instruction.outputs
    is_new = instruction.result is not None and not instruction.is_view
    return [instruction.result] if is_new else []


def _last_reads(program, plan):
    """Return the last instruction that reads each Value or a view of it."""
    last = {}
    for i, instruction in enumerate(program.instructions):
        for value in instruction.operands():
            last[owner_of(value)] = i
    for value in program.results():
        last[owner_of(value)] = len(program.instructions)
    return last


def _bytes_of(buffer):
    return range(buffer.offset, buffer.offset + buffer.nbytes)


def _do_overlap(a, b):
    return a.start < b.stop and b.start < a.stop


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_written_overlaps_nothing_that_is_read_later(name, planned):
    program, plan = planned(name)
    last = _last_reads(program, plan)
    wrong, alive = [], {}
    for i, instruction in enumerate(program.instructions):
        alive = {v: b for v, b in alive.items() if last.get(v, -1) > i}
        for value in _made(instruction):
            if value not in plan.buffers:
                continue
            place = _bytes_of(plan.buffers[value])
            wrong += [
                (i, value, other)
                for other, taken in alive.items()
                if _do_overlap(place, taken)
            ]
            alive[value] = place

    assert [] == wrong
    assert plan.nbytes >= max(r.stop for r in map(_bytes_of, plan.buffers.values()))


@pytest.mark.parametrize("name", PROGRAMS)
def test_memory_is_taken_over_only_from_an_operand_that_dies(name, planned):
    program, plan = planned(name)
    last = _last_reads(program, plan)
    wrong, holds = [], {}
    for i, instruction in enumerate(program.instructions):
        for value in _made(instruction):
            buffer = plan.buffers.get(value)
            before = holds.get(id(buffer))
            if before is not None:
                operands = {owner_of(v) for v in instruction.operands()}
                if last[before] != i or before not in operands:
                    wrong.append((i, before, value))
            holds[id(buffer)] = value if buffer is not None else None

    assert [] == wrong


@pytest.mark.parametrize("name", ["MLP", "GPT", "RNN"])
def test_a_weight_is_written_over_after_its_last_read_and_all_checks(name, planned):
    program, plan = planned(name)
    last = _last_reads(program, plan)
    states = {v.data: v for v in last if v.origin == "state"}
    written = {
        value: i
        for i, instruction in enumerate(program.instructions)
        for value in _made(instruction)
        if value in plan.over_state
    }
    checks = [i for i, one in enumerate(program.instructions) if one.result is None]
    checks = [i for i in checks if not isinstance(program.instructions[i], Group)]

    assert written
    assert [] == [
        value
        for value, i in written.items()
        if last[states[plan.over_state[value]]] > i or i < max(checks)
    ]


@pytest.mark.parametrize("name", ["MLP", "GPT"])
def test_every_array_that_can_be_has_its_place(name, planned):
    program, plan = planned(name)

    assert [] == [
        instruction
        for instruction in program.instructions
        if not isinstance(instruction, Group)
        and instruction.result is not None
        and not instruction.is_view
        and can_write(instruction)
        and instruction.result not in plan.buffers
        and instruction.result not in plan.over_state
    ]


def test_buffers_are_used_again():
    def chain(x):
        for _ in range(50):
            x = xdl.matmul(x, x)
        return x

    _, plan = _planned(chain, (), np.eye(8, dtype="f4"))

    assert 50 == len(set(map(id, plan.buffers.values())))
    assert 3 * 8 * 8 * 4 >= plan.nbytes


def test_a_chain_of_elementwise_calls_takes_one_buffer():
    def chain(x):
        for _ in range(10):
            x = xdl.tanh(x) * 2
        return x

    _, plan = _planned(chain, (), np.ones((8, 8)))

    assert 1 == len(set(map(id, plan.buffers.values())))


@pytest.mark.parametrize("most", [500, 1 << 22])  # the larger ones placed by size, too
@pytest.mark.parametrize("seed", range(20))
def test_buffers_of_random_lives_never_overlap(seed, most):
    rng = np.random.default_rng(seed)
    lives = [(rng.integers(0, 30), rng.integers(0, 12)) for _ in range(40)]
    buffers = [
        Buffer(int(rng.integers(0, most)), int(first), int(first + length))
        for first, length in lives
    ]

    size = placed_in_arena(dict(enumerate(buffers)))

    pairs = [(a, b) for i, a in enumerate(buffers) for b in buffers[:i]]
    assert [] == [
        (a, b)
        for a, b in pairs
        if a.first <= b.last
        and b.first <= a.last
        and _do_overlap(_bytes_of(a), _bytes_of(b))
    ]
    assert size >= max(b.offset + b.nbytes for b in buffers)
    assert {0} == {b.offset % 64 for b in buffers}


def test_large_buffers_are_placed_by_size_where_that_takes_less():
    mb = 1 << 20
    lives = [(2, 0, 1), (1, 0, 5), (3, 2, 5)]  # by time, the last lies above both
    buffers = [Buffer(n * mb, first, last) for n, first, last in lives]

    assert 4 * mb == placed_in_arena(dict(enumerate(buffers)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_memory_is_spare_where_nothing_later_lies(name, planned):
    program, plan = planned(name)
    last = _last_reads(program, plan)
    middle = len(program.instructions) // 2

    spare = [range(at, at + nbytes) for at, nbytes in plan.spare(middle)]

    made = {v: i for i, one in enumerate(program.instructions) for v in _made(one)}
    later = [
        _bytes_of(buffer)
        for value, buffer in plan.buffers.items()
        if max(last.get(value, 0), made[value]) >= middle
    ]
    assert [] == [(a, b) for a in spare for b in later if _do_overlap(a, b)]
    assert all(0 <= a.start < a.stop <= plan.nbytes for a in spare)


# Instructions that write in several parts must not write over what they still read.

KERNELS = {
    "where, kept": lambda xp, x, w: xp.where(x > 0, w, x),
    "where, condition": lambda xp, x, w: xp.where(w > 0, x, w * 2),
    "where of what was made": lambda xp, x, w: xp.where(x > 0, xp.tanh(w), x),
    "concat, shifted": lambda xp, x, w: xp.concat([x[:1], w[:-1]], axis=0),
    "concat, rolled": lambda xp, x, w: xp.concat([w[1:], w[:1]], axis=0),
    "stack, reversed": lambda xp, x, w: xp.stack([w[i] for i in (3, 2, 1, 0)], axis=0),
    "zero_unless": lambda xp, x, w: xp.zero_unless(x > 0, w),
    "scatter_add": lambda xp, x, w: xp.scatter_add(w, (slice(1, None),), w[:-1]),
    "transposed": lambda xp, x, w: xp.matrix_transpose(w) + w,
    "product": lambda xp, x, w: xp.matmul(w, w),
    "reversed": lambda xp, x, w: w[::-1] + x,
    "sum of rows": lambda xp, x, w: xp.sum(w, axis=0, keepdims=True) + 0 * w,
}


def _swapped(xp, x, w):
    y = xp.copy(x)
    y[0] = w[1]
    y[1] = w[0]
    return y


def _shifted(xp, x, w):
    y = xp.copy(w)
    y[1:] = w[:-1]
    y[0] *= 2
    return y


KERNELS |= {"rows swapped": _swapped, "rows shifted": _shifted}


@pytest.mark.parametrize("in_tiles", [False, True])
@pytest.mark.parametrize("name", KERNELS)
def test_a_state_may_be_written_from_itself(name, in_tiles, monkeypatch):
    if in_tiles:
        monkeypatch.setattr(tiles, "LEAST", 0)
        monkeypatch.setattr(tiles, "TILE", 4)

    def called(is_compiled):
        weight = xdl.Variable(np.arange(-7, 9).reshape(4, 4), "w", dtype="f4")

        def step(x):
            weight.value = Written(KERNELS[name])(x, weight)
            return xdl.sum(x)

        call = xdl.compile(step, weight) if is_compiled else step
        rng = np.random.default_rng(1)
        given = [rng.standard_normal((4, 4)).astype("f4") for _ in range(4)]
        return [*arrays_of([call(x) for x in given]), weight.numpy()]

    assert [] == differing(called(False), called(True))
