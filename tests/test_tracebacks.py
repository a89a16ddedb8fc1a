"""Texts that xdl makes: tracebacks show their true lines."""

import gc
import linecache
import traceback

import numpy as np
import pytest

import xdl
from xdl import Variable
from xdl.core.debug import user_line


class Halved(xdl.Op):
    """Fails in its kernel, or in its gradient."""

    def __init__(self, fails="compute"):
        self.fails = fails

    def compute(self, xp, x):
        if self.fails == "compute":
            raise ZeroDivisionError("in the kernel")
        return x / 2

    def gradient(self, xp, gy, x):
        return (gy / 2,)


class Joined(xdl.Op):
    """Fails in its kernel, with two operands."""

    def compute(self, xp, x1, x2):
        raise ZeroDivisionError("in the kernel")

    def gradient(self, xp, gy):
        return gy, gy


def _lines_of_made_texts(error):
    """Return (file, line) of what a traceback shows of texts that xdl made."""
    shown = traceback.extract_tb(error.__traceback__)
    return [(frame.filename, frame.line) for frame in shown if frame.filename[0] == "<"]


@pytest.mark.parametrize(
    ("use", "name", "line"),
    [
        (
            lambda v: Halved()(v),
            "call of Halved",
            "y = _recovered(op, error, (a,), (x,))",
        ),
        (
            lambda v: Joined()(v, v),
            "call of Joined",
            "y = _recovered(op, error, (a, b), (x1, x2))",
        ),
        (
            lambda v: Variable(np.ones(3)) * Variable(np.ones(2)),
            "call of Multiply",
            "y = _recovered(op, error, (a, b), (x1, x2))",
        ),
    ],
    ids=["unary", "binary", "operator"],
)
def test_a_caller_is_shown_by_the_line_that_ran(use, name, line):
    with pytest.raises((ZeroDivisionError, xdl.ShapeError)) as caught:
        use(Variable(1.0))

    assert (f"<xdl {name}>", line) in _lines_of_made_texts(caught.value)


def test_a_program_is_shown_by_the_line_that_ran():
    v = Variable([1.0, 2.0])
    step = xdl.compile(lambda x: xdl.sum(xdl.tanh(v * x)), v)
    x = np.ones(2, np.float32)
    for _ in range(3):
        step(x)
    (replay,) = step._replays.values()

    with pytest.raises(TypeError) as caught:
        replay._step("no array", 0, 0)

    shown = _lines_of_made_texts(caught.value)
    lines = replay.executor.source.splitlines()
    assert shown
    assert all(file.startswith("<xdl program ") for file, _ in shown)
    assert all(line in [text.strip() for text in lines] for _, line in shown)


def test_the_fast_path_is_shown_by_the_line_that_ran():
    v = Variable([1.0, 2.0])
    step = xdl.compile(lambda x: xdl.sum(v * x), v)
    x = np.ones(2, np.float32)
    for _ in range(3):
        step(x)
    (replay,) = step._replays.values()
    code = replay.fast.replay.__code__

    assert (
        "def replay(x0, ):"
        == linecache.getline(code.co_filename, code.co_firstlineno).strip()
    )


def test_a_program_that_is_gone_leaves_no_text_behind():
    gc.collect()
    before = len(linecache.cache)

    step = xdl.compile(lambda x: xdl.sum(x * 3))
    for _ in range(3):
        step(np.ones(2, np.float32))
    assert len(linecache.cache) > before
    del step
    gc.collect()

    assert before == len(linecache.cache)


def test_the_users_line_is_none_of_a_made_text():
    class Asking(xdl.Op):
        def compute(self, xp, x):
            seen.append(user_line())
            return x

    seen = []
    Asking()(Variable(1.0))

    assert "<xdl" not in seen[0]
    assert seen[0].startswith(__file__)
