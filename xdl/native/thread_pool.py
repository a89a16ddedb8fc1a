"""A thread pool: threads that wait in native code to take over parts of a task.

A task is a native function of a part's number and of the address of its arguments. Who
posts it does parts, too, until none is left: so nothing waits for a thread that sleeps,
has not been started or was lost at a fork. One task is on the board at a time; who
finds another one there does all the parts alone.

A thread that finds no task looks at the board for about a millisecond and then sleeps
until it is woken. With the one that posts there are as many as NumPy's BLAS uses, and
no others where the system has no semaphores.
"""

import atexit
import ctypes
import functools
import os
import threading

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from xdl.native.blas_library import threads
from xdl.native.cache import linked, load

_MOST = 16  # threads: more only wait for memory
LOOKS = 30_000  # at the board, before a thread goes to sleep
SOON = 1000  # looks, some 30 us: what takes longer may be waiting for a processor
# Places on the board, each in a cache line of its own: how many threads there are with
# the one that posts, how many post a task, how many parts it has (0: the board is
# closed) and which is next, how many threads are at work and asleep, whether they are
# to end; the task, its arguments, and a semaphore.
WORKERS, POSTING, PARTS, NEXT, BUSY, ASLEEP, END, TASK, ARGUMENTS, BELL = range(
    0, 80, 8
)
_BOARD = np.zeros(96, np.int64)
_WORDS = """
from xdl.native.thread_pool import (
    ARGUMENTS, ASLEEP, BELL, BUSY, END, LOOKS, NEXT, PARTS, POSTING, SHARE, SOON, TASK,
    WORKERS, add, board, call, give_way, look, pause, put, ring, wait,
)
"""
_ATTEND = f"""{_WORDS}

@native(nogil=True)
def attend():
    places, looks = board(), 0
    while look(places, END) == 0:
        if look(places, NEXT) < look(places, PARTS):
            add(places, BUSY, 1)
            parts = look(places, PARTS)  # what is open now stays so while one is busy
            while parts > 0:
                part = add(places, NEXT, 1)
                if part >= parts:
                    break
                call(look(places, TASK), part, look(places, ARGUMENTS))
            add(places, BUSY, -1)
            looks = 0
        elif looks < LOOKS:
            looks += 1
            pause()
        else:
            add(places, ASLEEP, 1)
            if look(places, PARTS) == 0 and look(places, END) == 0:
                wait(places, BELL)
            add(places, ASLEEP, -1)
            looks = 0
"""
_SHARE = f"""{_WORDS}

@callback(SHARE)
def share(task, arguments, parts):
    places = board()
    is_alone = parts < 2 or look(places, WORKERS) < 2
    if is_alone or add(places, POSTING, 1) > 0:
        for part in range(parts):
            call(task, part, arguments)
    else:
        put(places, TASK, task)
        put(places, ARGUMENTS, arguments)
        put(places, NEXT, 0)
        put(places, PARTS, parts)
        for _ in range(min(look(places, ASLEEP), parts - 1)):
            ring(places, BELL)
        part = add(places, NEXT, 1)
        while part < parts:
            call(task, part, arguments)
            part = add(places, NEXT, 1)
        put(places, PARTS, 0)
        looks = 0
        while look(places, BUSY) > 0:
            looks += 1
            pause() if looks < SOON else give_way()
    if not is_alone:
        add(places, POSTING, -1)
"""
_ALONE = """
from xdl.native.thread_pool import SHARE, call


@callback(SHARE)
def share(task, arguments, parts):
    for part in range(parts):
        call(task, part, arguments)
"""
_WORD, _INDEX = ir.IntType(64), types.int64
_PLACES = types.CPointer(types.int64)
SHARE = types.void(_INDEX, _INDEX, _INDEX)
PART = types.void(_INDEX, _INDEX)


def _written(arity, emit, result=_INDEX):
    """Make a function of the board and ``arity`` integers, in LLVM's terms."""

    def codegen(context, builder, signature, arguments):
        done = emit(builder, *arguments)
        return context.get_dummy_value() if result is types.void else done

    def of_one(typing, places, i):
        return result(_PLACES, _INDEX), codegen

    def of_two(typing, places, i, number):
        return result(_PLACES, _INDEX, _INDEX), codegen

    return intrinsic(of_one if arity == 1 else of_two)


def _look(builder, places, i):
    return builder.load_atomic(builder.gep(places, [i]), "seq_cst", 8)


def _put(builder, places, i, number):
    builder.store_atomic(number, builder.gep(places, [i]), "seq_cst", 8)


def _add(builder, places, i, number):
    return builder.atomic_rmw("add", builder.gep(places, [i]), number, "seq_cst")


def _semaphore(name):
    """Make a call of a function of the system that takes a semaphore."""

    def emit(builder, places, i):
        kind = ir.FunctionType(ir.IntType(32), [_WORD.as_pointer()])
        function = get_or_insert_function(builder.module, kind, name)
        builder.call(function, [builder.gep(places, [i])])

    return _written(1, emit, types.void)


look, add, put = _written(1, _look), _written(2, _add), _written(2, _put, types.void)
wait, ring = _semaphore("sem_wait"), _semaphore("sem_post")


@intrinsic
def board(typing):
    """Return the pointer to the board."""

    def codegen(context, builder, signature, arguments):
        kind = ir.ArrayType(_WORD, _BOARD.size)
        found = context.get_c_value(builder, kind, "xdl_board")
        return builder.bitcast(found, _WORD.as_pointer())

    return _PLACES(), codegen


@intrinsic
def pause(typing):
    """Let the processor rest for some cycles."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.VoidType(), [])
        rest = get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause")
        builder.call(rest, [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def give_way(typing):
    """Let another thread have the processor."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), [])
        function = get_or_insert_function(builder.module, kind, "sched_yield")
        builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def call(typing, task, part, arguments):
    """Call the function at an address."""

    def codegen(context, builder, signature, given):
        kind = ir.FunctionType(ir.VoidType(), [_WORD, _WORD])
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), given[1:])
        return context.get_dummy_value()

    return types.void(_INDEX, _INDEX, _INDEX), codegen


@global_compiler_lock
@functools.cache
def workers():
    """Return how many threads do parts of a task, with the one that posts it.

    The first call starts them. Without the instructions of x86-64 there is one.
    """
    llvmlite.binding.add_symbol("xdl_board", _BOARD.ctypes.data)
    is_known = llvmlite.binding.get_host_cpu_features().get("sse2")
    count = min(threads(), _MOST) if is_known and _has_semaphores() else 1
    if count > 1:
        _start(count)
    return count


@global_compiler_lock
@functools.cache
def shared():
    """Return ``share(task, arguments, parts)`` for compiled code to call."""
    share = load(_SHARE if workers() > 1 else _ALONE).share
    return linked("xdl_share", share.address, SHARE, share)


def _has_semaphores():
    """Make the system's functions known; return whether there are such."""
    system = ctypes.CDLL(None) if os.name == "posix" else None
    for name in ("sem_wait", "sem_post", "sched_yield"):
        function = getattr(system, name, None)
        if function is None:
            return False
        address = ctypes.cast(function, ctypes.c_void_p).value
        llvmlite.binding.add_symbol(name, address)
    return _hang_bell(system)


def _hang_bell(system):
    return system.sem_init(ctypes.c_void_p(_BOARD[BELL:].ctypes.data), 0, 0) == 0


def _start(count):
    """Start the threads, which end before the interpreter does."""
    attend = load(_ATTEND).attend
    attend.compile(())
    pool = [threading.Thread(target=attend, daemon=True) for _ in range(count - 1)]
    _BOARD[WORKERS] = count
    for thread in pool:
        thread.start()
    atexit.register(_end, pool)
    os.register_at_fork(after_in_child=_lose)


def _end(pool):
    _BOARD[WORKERS], _BOARD[END] = 1, 1
    system = ctypes.CDLL(None)
    for _ in pool:
        system.sem_post(ctypes.c_void_p(_BOARD[BELL:].ctypes.data))
    for thread in pool:
        thread.join()


def _lose():
    """Go on without the pool, which a fork does not bring along."""
    _BOARD[:] = 0
