"""Units for a GPU: groups for threads, pieces and what is together, against eager."""

import numpy as np
import pytest

import xdl
from tests.program.test_models_compiled import MODELS
from tests.support.lowered import program_of
from xdl import optim
from xdl.backend import numpy as host
from xdl.program.fusion.pieces import Pieces
from xdl.program.fusion.together import Together
from xdl.program.interpreter import compute, replaced_options
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, dense, is_given, owner_of, replaced


class _Run:
    """A program that is computed unit by unit, on random arrays."""

    def __init__(self, program):
        self.program, self.real = program, {}
        self.outside = {}

    def results(self):
        """Return what the program makes: returned, and the new state."""
        for one in self.program.instructions:
            for inner in getattr(one, "inner", (one,)):
                if inner.result is not None and not inner.row.is_check:
                    self._compute(inner)
        return [np.asarray(self._value(v)) for v in self.program.results()]

    def _compute(self, one):
        with np.errstate(all="ignore"):
            arguments = replaced(one.arguments, self._value)
            options = replaced_options(one.options, self._value)
            draw = 5, 0
            self.real[one.result] = compute(one, host, arguments, options, draw)

    def _value(self, value):
        if value in self.real:
            return self.real[value]
        if isinstance(value.origin, Instruction):
            # A group reads the memory of what a view, which nobody writes, is of.
            assert value.origin.is_view, f"{value} is read before it is made"
            self._compute(value.origin)
        else:
            self.real[value] = self._given(value)
        return self.real[value]

    def _given(self, value):
        if is_given(value):
            return dense(value) if value.origin == "constant" else value.data
        key = value.origin, value.data
        if key not in self.outside:
            self.outside[key] = self._drawn(value)
        return self.outside[key]

    def _drawn(self, value):
        rng = np.random.default_rng(abs(hash((value.origin, str(value.data)))) % 2**32)
        if value.is_number:
            return 0.37
        if value.dtype.kind != "f":
            return rng.integers(0, 2, value.shape).astype(value.dtype)
        return rng.uniform(0.1, 0.9, value.shape).astype(value.dtype)


def _training(name, together):
    make, draw = MODELS[name]
    with xdl.use_device("cpu"):
        xdl.seed(0)
        model = make()
        optimizer = optim.AdamW(model)

    def step(*arguments):
        *x, target = arguments
        model.forward(*x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    given = draw(np.random.default_rng(0))
    return program_of(step, *given, sources=(model, optimizer), together=together)


@pytest.mark.parametrize("name", MODELS)
def test_units_in_another_order_compute_the_same(name):
    expected = _Run(_training(name, together=False)).results()

    actual = _Run(_training(name, together=True)).results()

    for wanted, found in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_together_reads_nothing_that_it_makes(name):
    program = _training(name, together=True)

    groups = [one for one in program.instructions if isinstance(one, Together)]

    assert groups
    for group in groups:
        made = {owner_of(value) for value in group.outputs}
        assert not made & {owner_of(value) for value in group.arguments}


def _pieces(function, *arrays):
    with xdl.use_device("cpu"):
        x = xdl.Variable(np.ones((4, 6), "f4"))

    def step():
        xdl.sum(function(x)).backward()
        gradient = x.grad
        x.clear_grad()
        return gradient

    program = program_of(step, sources=[x], together=True)
    flat = []
    for one in program.instructions:
        flat += getattr(one, "parts", [one])
    return program, [one for one in flat if isinstance(one, Pieces)]


def test_gradients_of_parts_are_pieces_of_one_array():
    program, (pieces,) = _pieces(lambda x: x[0] * xdl.tanh(x[1]) + x[2] * x[3])

    assert pieces.covers
    assert 4 == len(pieces.places)
    kinds = {one.row.kind for one in program.instructions}
    assert Kind.CHANGE not in kinds


def test_pieces_know_that_they_are_not_all_of_an_array():
    _, (pieces,) = _pieces(lambda x: xdl.tanh(x[0]) * x[2:, 1:3].sum())

    assert not pieces.covers
    assert pieces.base in pieces.arguments


def test_parts_in_the_same_place_are_no_pieces():
    _, pieces = _pieces(lambda x: xdl.tanh(x[0]) * x[:2, 1].sum())

    assert not [one for one in pieces if len(one.places) > 1]


def test_one_number_is_computed_in_a_group_of_such():
    program = program_of(lambda x: xdl.sqrt(xdl.sum(x) * 2 + 1), np.ones(5))

    (group,) = [one for one in program.instructions if one.row.kind == Kind.GROUP]

    assert ["multiply", "add", "sqrt"] == [one.name for one in group.inner]


def test_groups_for_threads_read_what_is_transposed_and_hold_no_sums_over_rows():
    x, y = np.ones((6, 7), "f4"), np.ones((7, 6), "f4")

    program = program_of(lambda x, y: xdl.sum(xdl.softmax(y + x.T), 0), x, y)

    groups = [one for one in program.instructions if one.row.kind == Kind.GROUP]
    inner = [one for group in groups for one in group.inner]
    assert {"add", "max", "exp"} <= {one.name for one in inner}
    assert 1 == sum(one.name == "sum" for one in inner)
    assert ["sum"] == [
        one.name for one in program.instructions if one.row.kind == Kind.REDUCTION
    ]
