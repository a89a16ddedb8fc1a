"""When checks are heard: what needs no GPU. The rest: tests/gpu/test_together.py."""

import threading

import numpy as np
import pytest

import xdl
from xdl.backend import checks, known


@pytest.fixture(autouse=True)
def _at_once():
    """Put checks back to where they start."""
    yield
    xdl.set_checks("immediate")


@pytest.mark.parametrize("when", ["later", "", None, True, "Deferred"])
def test_set_checks_refuses_what_it_does_not_know(when):
    with pytest.raises(xdl.ArgumentError, match="needed 'immediate' or 'deferred'"):
        xdl.set_checks(when)

    assert not checks.deferred()


def test_on_the_cpu_labels_are_checked_at_once_though_deferred():
    xdl.set_checks("deferred")

    with pytest.raises(xdl.LabelError, match="position 1 holds 2"):
        xdl.softmax_cross_entropy([[1.0, 2.0], [3.0, 4.0]], [0, 2])


def test_on_the_cpu_gradients_are_checked_at_once_though_deferred():
    w = xdl.Variable([1.0, 2.0])
    w.grad = [1.0, np.nan]
    xdl.set_checks("deferred")

    with pytest.raises(xdl.NonFiniteError, match="holds NaN or infinity; no weight"):
        xdl.SGD([w]).update()


def test_checks_are_deferred_in_one_thread_alone():
    xdl.set_checks("deferred")
    found = []
    thread = threading.Thread(target=lambda: found.append(checks.deferred()))
    thread.start()
    thread.join()

    assert [False] == found
    assert checks.deferred()


def test_nothing_waits_in_a_block_of_at_once():
    xdl.set_checks("deferred")
    with checks.at_once():
        within = checks.deferred()

    assert not within
    assert checks.deferred()


def _said(part, when):
    raise xdl.LabelError(f"part {part}{when}")


def _asked(codes, which, part=0):
    """Return Checks of which a GPU would say that one failed, and its code."""
    some = checks.Checks()
    some.is_deferred, some.flag = True, np.zeros(1, "uint64")
    asked = []
    for step in range(1, codes + 1):
        some.step = step
        asked.append(some.ask(_said))
    return some, asked[which] - part


@pytest.mark.parametrize(("which", "part"), [(0, 0), (1, 5), (2, 3)])
def test_a_code_says_which_check_failed_where_and_when(which, part):
    some, code = _asked(3, which, part)

    with pytest.raises(xdl.LabelError, match=rf"part {part} \(step {which + 1} of"):
        some.hear(code)

    assert [] == some.asked


def test_the_code_of_an_earlier_check_is_the_greater():
    some = checks.Checks()

    first, second = some.ask(_said), some.ask(_said)

    assert first - (checks._PARTS - 1) > second


@pytest.mark.parametrize(("which", "part"), [(0, 0), (2, 7)])
def test_sifting_keeps_the_check_that_failed(which, part):
    some, code = _asked(3, which, part)
    some.sift(code)
    kept = len(some.asked)

    with pytest.raises(xdl.LabelError, match=rf"part {part} \(step {which + 1} of"):
        some.hear(int(some.flag[0]))

    assert kept == 1


def test_sifting_forgets_what_went_well():
    some, _ = _asked(3, 0)

    some.sift(0)

    assert [] == some.asked


def test_a_range_is_known_of_an_array_and_of_its_reshape():
    array = np.array([0, 3])
    known.note(array, 0, 3)
    reshaped = known.same(array, array.reshape(2, 1))

    assert known.is_within(array, 0, 4)
    assert known.is_within(reshaped, -1, 4)
    assert not known.is_within(array, 0, 3)
    assert not known.is_within(array, 1, 4)
    assert not known.is_within(array.copy(), 0, 4)


def test_nothing_is_known_of_an_array_that_is_gone():
    array = np.array([0, 3])
    known.note(array, 0, 3)
    known.note_checked(array, 4)
    key = id(array)

    del array

    assert key not in known._ranges
    assert key not in known._checked
