"""How the examples run their training steps: as they are, or compiled.

Compiled for NumPy, a step is quicker at once. Numba's code is quicker still, but takes
seconds to make, the first time that it is asked for.
"""

import argparse

import xdl


def add_executor(parser):
    """Give a parser the option --executor."""
    parser.add_argument(
        "--executor",
        metavar="NAME",
        type=usable,
        help="numpy or numba: compile the training step; default: run it as it is",
    )


def usable(name):
    """Return the name of an executor that can be used here, for argparse."""
    try:
        xdl.compile(abs, executor=name)
        device = xdl.device()
    except (xdl.GraphError, xdl.DeviceError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if device != "cpu":
        raise argparse.ArgumentTypeError(
            f"{name} runs on the CPU, and {device} was asked for; leave out one of them"
        )
    return name


def compiled(step, *state, executor):
    """Return a step of training compiled, or as it is without an executor (None)."""
    return xdl.compile(step, *state, executor=executor) if executor else step
