"""Writing into a Variable while graphs wait for their backward."""

import numpy as np
import pytest

from xdl import GraphError, Variable


def test_a_write_before_a_new_use_is_no_change_for_its_backward():
    x = Variable([2.0, 1.0])
    old = (x * x).sum()

    x.value[...] = np.clip(x.value, -1, 1)
    (x * x).sum().backward()

    assert x.grad.tolist() == [2, 2]
    with pytest.raises(GraphError, match="changed after"):
        old.backward()


def test_each_graph_is_held_to_the_values_that_it_used():
    x = Variable([2.0, 1.0])
    first = (x * x).sum()
    x.value[...] = [3.0, 4.0]
    second = (x * x).sum()
    x.value[0]  # it is looked at, not written
    third = (x * x).sum()

    third.backward()
    second.backward()

    assert x.grad.tolist() == [12, 16]
    with pytest.raises(GraphError, match="changed after"):
        first.backward()


def test_a_write_after_the_second_look_is_seen():
    x = Variable([2.0, 1.0])
    first = (x * x).sum()
    x.value[0]
    second = (x * x).sum()
    x.value[0] = 7

    for loss in first, second:
        with pytest.raises(GraphError, match="changed after"):
            loss.backward()
    assert x.grad is None
