"""What is said while a step is compiled: one line, on a terminal, if it takes long."""

import gc
import io
import logging
import sys

import numpy as np
import pytest

import xdl
from xdl.program.call import waiting


class Errors(io.StringIO):
    """Standard error that is a terminal, or is not."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


class Late:
    """A timer whose time has come before anything else is done."""

    def __init__(self, seconds, function, given):
        self._call = lambda: function(*given)

    def start(self):
        self._call()

    def cancel(self):
        pass


@pytest.fixture
def late(monkeypatch):
    """Let whatever is compiled take longer than a second."""
    monkeypatch.setattr(waiting.threading, "Timer", Late)


def _compile():
    step = xdl.compile(lambda x: xdl.sum(x), verify=False)
    step(np.ones(3))
    step(np.ones(3))


def test_what_takes_long_is_said_once_on_a_terminal(late, monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", Errors(True))

    _compile()

    assert ["xdl"] == [record.name for record in caplog.records]
    assert caplog.messages[0].startswith("compile: ")


@pytest.mark.parametrize(
    ("is_terminal", "level"), [(False, logging.WARNING), (True, logging.ERROR)]
)
def test_nothing_is_said_elsewhere_or_below_the_level_of_the_logger(
    is_terminal, level, late, monkeypatch, caplog
):
    monkeypatch.setattr(sys, "stderr", Errors(is_terminal))
    caplog.set_level(level, logger="xdl")

    _compile()

    assert [] == caplog.messages


def test_nothing_is_said_after_what_is_quick(monkeypatch):
    timers = []
    monkeypatch.setattr(sys, "stderr", Errors(True))
    monkeypatch.setattr(Late, "start", lambda timer: timers.append(timer))
    monkeypatch.setattr(Late, "cancel", lambda timer: timers.append(timer))
    monkeypatch.setattr(waiting.threading, "Timer", Late)

    _compile()

    assert [timers[0]] * 2 == timers


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_collector_is_afterwards_as_it_was(was_enabled):
    (gc.enable if was_enabled else gc.disable)()
    try:
        with waiting.no_collection():
            assert not gc.isenabled()
        assert was_enabled == gc.isenabled()
    finally:
        gc.enable()
