"""What the tests of training share."""

import signal

import pytest


@pytest.fixture(autouse=True)
def interruptible():
    """Let SIGINT raise KeyboardInterrupt, also where the shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
