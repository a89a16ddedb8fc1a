"""How the examples run their training steps: as they are, or compiled.

Compiled for NumPy, a step is quicker at once. Numba's code is quicker still, but takes
seconds to make, the first time that it is asked for. On a GPU, cuda makes of it one
graph of kernels.
"""

import argparse

import xdl


def add_executor(parser):
    """Give a parser the option --executor."""
    parser.add_argument(
        "--executor",
        metavar="NAME",
        type=usable,
        help="numpy, numba or, on a GPU, cuda: compile the training step; "
        "default: run it as it is",
    )


def usable(name):
    """Return the name of an executor that can be used here, for argparse."""
    try:
        xdl.compile(abs, executor=name)
        device = xdl.device()
    except (xdl.GraphError, xdl.DeviceError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    where = "the CPU" if device == "cpu" else "a GPU"
    runs = "a GPU" if name == "cuda" else "the CPU"
    if where != runs:
        raise argparse.ArgumentTypeError(
            f"{name} runs on {runs}, and {device} was asked for; leave out one of them"
        )
    return name


def compiled(step, *state, executor):
    """Return a step of training compiled, or as it is without an executor (None)."""
    return xdl.compile(step, *state, executor=executor) if executor else step
