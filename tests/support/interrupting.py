"""A call that is interrupted at one of Python's instructions after the other."""

import itertools
import signal
import sys


def interrupt(number, call):
    """Make a call; send SIGINT before its instruction of a number.

    Returns:
        Whether it was sent: a call may be over before.
    """
    count = itertools.count(1)

    def trace(frame, event, argument):
        frame.f_trace_opcodes = True
        if event == "opcode" and next(count) == number:
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return next(count) > number


def interrupts(call, prepare, most):
    """Yield after each interrupt of a call, spread over it; ``most`` of them.

    Args:
        call: a function without arguments.
        prepare: called before each.
        most: how often it is interrupted.
    """
    count = 0
    for step in (64, 1):
        while True:
            prepare()
            if not interrupt(count + step, call):
                break
            count += step
    for i in range(most):
        prepare()
        interrupt(1 + i * count // most, call)
        yield
