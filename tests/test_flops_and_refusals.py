"""The FLOPs of every operation, and refusals that no other test asks for."""

import fractions
import threading

import numpy as np
import pytest

import xdl
from tests.support.operations import NOT_DIFFERENTIABLE
from tests.test_every_op import every_case, every_gradient
from xdl.backend import is_floating
from xdl.testing import draw_inputs


@every_case
def test_flops_are_counted_for_every_case(op_class, case):
    op = op_class(**case.options)
    shapes = [None if a is None else a.shape for a in draw_inputs(case)]

    assert op.flops(op.shape(*shapes), *shapes) >= 0


def _trained_alone(op, arrays):
    """Yield a call of the operation for each input that is trainable by itself."""
    names = op.names_for(arrays)
    constant = {"bias", *op.conditions, *NOT_DIFFERENTIABLE.get(type(op).__name__, ())}
    for i, (name, array) in enumerate(zip(names, arrays, strict=True)):
        if name not in constant and array is not None and is_floating(array):
            yield op(*arrays[:i], xdl.Variable(array), *arrays[i + 1 :])


@every_gradient
def test_a_graph_counts_the_flops_of_a_call_whichever_input_is_trainable(
    op_class, case
):
    op = op_class(**case.options)
    arrays = draw_inputs(case, "float32")
    shapes = [None if a is None else a.shape for a in arrays]
    known = [
        None if n == "bias" else s
        for n, s in zip(op.names_for(arrays), shapes, strict=True)
    ]
    expected = {f"{op.flops(op.shape(*shapes), *known):,}"}

    summaries = [xdl.Graph(y).summary() for y in _trained_alone(op, arrays)]

    assert expected == {text.splitlines()[2].split()[-1] for text in summaries}


def test_an_optional_input_may_be_left_out_of_a_call():
    q = xdl.Variable([[1.0]])

    y = xdl.ops.attention.ScaledDotProductAttention()(q, q, q)

    assert [[1.0]] == y.numpy().tolist()


class _Meeting(xdl.Op):
    """Wait, on the way back, until another thread has begun its own way back."""

    def __init__(self, here, there):
        self.here, self.there = here, there

    def compute(self, xp, x):
        return x * 1.0

    def gradient(self, xp, gy):
        self.here.set()
        self.there.wait(5)
        return (gy,)


def test_two_threads_that_walk_back_through_one_graph_are_refused():
    first, second = threading.Event(), threading.Event()
    w = xdl.Variable([1.0])
    trunk = w * 2.0
    ends = [_Meeting(first, second)(trunk), _Meeting(second, first)(trunk)]
    errors = []

    def walk(end):
        try:
            end.backward(retain_graph=True)
        except xdl.GraphError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=walk, args=(end,)) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["backward: two threads walk back through one graph"] == errors


def test_a_number_of_another_kind_is_taken_as_a_float():
    assert 1.5 == (xdl.Variable(3.0) * fractions.Fraction(1, 2)).item()


def test_an_empty_list_picks_nothing():
    assert (0, 2) == xdl.Variable([[1.0, 2.0]])[[]].shape


def test_a_fraction_is_no_index():
    with pytest.raises(xdl.DtypeError, match="float32 index came"):
        xdl.Variable([1.0, 2.0])[[0.5]]


def test_index_add_refuses_values_of_another_shape():
    with pytest.raises(xdl.ShapeError, match="IndexAdd"):
        xdl.index_add(np.zeros(3, "f4"), slice(2), np.ones(3, "f4"))


def test_trainable_class_weights_are_refused():
    weight = xdl.Variable([1.0, 2.0])

    with pytest.raises(xdl.GraphError, match="weight is trainable"):
        xdl.softmax_cross_entropy([[0.0, 0.0]], [1], weight)
