"""Programs: a step, recorded once and replayed without Python's overhead.

A step is written down (``record``), made shorter (``passes``), its instructions are put
together for one loop each (``fusion``), what they make is given its place (``memory``),
and an executor writes and runs it; ``verify`` compares it with eager, ``call`` finds
the program of a call and replays it, and ``saved`` writes it into a file.

Imports point one way: each of these may import those before it.
``errors, pytree, interpreter, fusion, memory, passes, numpy_executor, numba_executor,
cuda_executor, saved, program, record, verify, call``. What an instruction is, and the
Values that it works on, ``xdl.tracing`` says, and what runs native code stands in
``xdl.native``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdl.arguments import explained, refuse_uncallable
from xdl.core.module import Module
from xdl.program.call.atomic import atomic
from xdl.program.call.compiled import Compiled, Returned
from xdl.program.record.recorder import device_of_state
from xdl.program.record.state import State
from xdl.typing import HasForward

__all__ = ["atomic", "compile"]


@explained
def compile(
    function: Callable[..., Returned] | HasForward[Returned],
    *state: Any,
    executor: str | None = None,
    verify: bool = True,
) -> Compiled[Returned]:
    """Return a function that does what ``function`` does, replayed as a program.

    The first call runs the function and writes down every array call that it makes:
    forward, backward and update alike. The later ones replay what was written, without
    Python's overhead and without allocating. Another shape, dtype, or train or eval
    records another program; another float does not.

    Args:
        function: a function or a Module, of arrays, constant Variables and Python
            values, in nested tuples, lists and dicts, or in none. It gets arrays as
            Variables. It returns Variables, arrays and Python values, nested or not;
            without their graph.
        *state: every Module, optimizer, Parameter and Variable that the function reads
            or changes besides its arguments; a Module as function is state as well.
        executor: ``"numpy"`` (default on the CPU) runs the program with NumPy, to
            eager's bits; ``"numba"`` as native loops, compiled at the first call and
            kept on disk, within the rounding of other exponentials and sums; it needs
            ``pip install "xdl[jit]"``. ``"cuda"`` (default on a GPU) runs it as one
            graph of kernels, within rounding.
        verify: compare the first replays with eager runs of the same step; default
            True. They may differ by what rounding errors lead to.

    Returns:
        A Compiled, to be called like the function; ``over`` runs it on many batches in
        one call.

    Raises:
        ArgumentError: the state holds something else, or an argument is trainable.
        DeviceError: at a call: the state is on another device than the executor's.
        GraphError: at a call: the function reads a value in Python (``if``, ``float``),
            uses a Variable that is not in the state, or the replay and the eager run
            differ.

    Example:
        >>> import numpy as np, xdl
        >>> model = xdl.models.LinearModel(3, 2)
        >>> optimizer = xdl.SGD(model, lr=0.1)
        >>> def step(x, target):
        ...     model.forward(x)
        ...     loss = model.loss(target)
        ...     model.backward()
        ...     optimizer.update()
        ...     return loss
        >>> fast_step = xdl.compile(step, model, optimizer)
        >>> x, target = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])
        >>> losses = [fast_step(x, target).item() for _ in range(5)]
        >>> losses[4] < losses[0]
        True
    """
    refuse_uncallable("compile", function)
    if isinstance(function, Module):
        state = (function, *[one for one in state if one is not function])
    if executor is None:
        is_on_gpu = device_of_state(State(state)).kind == "cuda"
        executor = "cuda" if is_on_gpu else "numpy"
    return Compiled(function, state, executor, verify)
