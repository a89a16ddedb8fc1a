"""Functions of operations: what editors and help show, and how they are called."""

import inspect
import pickle
import pydoc
import threading

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, Op, ShapeError, Variable
from xdl.core.case import Case
from xdl.core.op import composed, function_of


class Halve(Op):
    def compute(self, xp, x):
        return x / 2

    def gradient(self, xp, gy):
        return (gy / 2,)


@function_of(Halve)
def halve(x):
    """Divide by 2."""
    raise AssertionError("the operation is called without its body")


class Scale(Op):
    """Multiply by a number."""

    def __init__(self, factor=2.0):
        self.factor = factor

    def compute(self, xp, x):
        return x * self.factor


@function_of(Scale)
def scale(x, factor=2.0):
    return Scale(factor)(x)


class Joined(Op):
    def compute(self, xp, *xs):
        return xs[0]


@function_of(Joined)
def joined(*xs):
    """Return the first."""
    return Joined()(*xs)


def test_a_class_gets_the_documentation_of_its_function():
    assert "Divide by 2." == Halve.__doc__ == halve.__doc__


def test_a_function_gets_the_documentation_of_its_class():
    assert "Multiply by a number." == Scale.__doc__ == scale.__doc__


@pytest.mark.parametrize("function", [halve, scale])
def test_a_function_keeps_its_name_and_signature(function):
    assert function.__wrapped__.__name__ == function.__name__
    assert inspect.signature(function.__wrapped__) == inspect.signature(function)


def test_help_shows_the_arguments_and_the_documentation():
    shown = pydoc.plain(pydoc.render_doc(xdl.tanh))

    assert "tanh(x: 'ArrayLike') -> 'Variable'" in shown
    assert "Take the hyperbolic tangent of every element." in shown


def test_a_function_without_options_calls_its_operation():
    x = Variable([1.0, 3.0])

    halve(x).sum().backward()

    assert [0.5, 0.5] == x.grad.tolist()
    assert [0.5, 1.5] == halve(x).numpy().tolist() == halve(x=x).numpy().tolist()


def test_a_function_of_any_number_of_inputs_calls_its_operation():
    assert 1.0 == joined([1.0], [2.0], [3.0]).item()


def test_a_function_has_its_operation():
    assert isinstance(halve.op, Halve)
    assert 2.0 == halve.forward([[4.0]]).item()
    assert 6 == halve.flops((2, 3), (2, 3))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: halve([1.0], [2.0]), ShapeError, "Halve: 2 inputs came, needed 1"),
        (lambda: halve(dim=1), ArgumentError, "Halve: 'dim' came"),
        (lambda: halve([1.0], x=[1.0]), ArgumentError, "Halve: 'x' came twice"),
        (lambda: scale([1.0], 1.0, 2.0), ArgumentError, "scale: 3 arguments came"),
        (lambda: scale([1.0], factors=2.0), ArgumentError, "it is called 'factor'"),
    ],
    ids=["too many", "unknown", "twice", "too many with options", "close"],
)
def test_a_call_that_does_not_fit_is_refused_in_words(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_a_function_is_pickled_by_its_name():
    assert xdl.tanh is pickle.loads(pickle.dumps(xdl.tanh))


def test_a_first_call_in_many_threads_gives_each_its_result():
    class Third(Op):
        def compute(self, xp, x):
            return x / 3

        def gradient(self, xp, gy):
            return (gy / 3,)

    @function_of(Third)
    def third(x):
        """Divide by 3."""
        return Third()(x)

    x, results = Variable(np.full(2, 6.0)), []
    threads = [
        threading.Thread(target=lambda: results.append(third(x).numpy().tolist()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [[2.0, 2.0]] * 8 == results


def test_a_function_made_of_operations_says_its_counterpart_and_its_cases():
    case = Case([(2,)])

    @composed(torch="square", cases=(case,))
    def squared(x):
        """Multiply by itself."""
        return xdl.multiply(x, x)

    assert ("square", (case,)) == (squared.torch, squared.cases)
    assert 9.0 == squared(3.0).item()
    with pytest.raises(ArgumentError, match="squared"):
        squared(1.0, 2.0)
