"""Lowering: products with vectors written as products and sums, for native loops."""

import numpy as np

from xdl.backend.recording import Instruction, Value
from xdl.program.numba_maps import lies_plain, owner_of

_LEAST = 4096  # elements: smaller products with vectors are left to BLAS


def lowered(program):
    """Write products with vectors as products and sums, so that groups take them.

    ``x @ v`` is a sum along the rows, ``v @ x`` one over them; the mean and the
    variance of a layer norm are such.
    """
    written = []
    for instruction in program.instructions:
        new = _product_as_sums(instruction) if instruction.name == "matmul" else None
        written += [instruction] if new is None else new
    program.instructions = written


def _product_as_sums(instruction):
    a, b = instruction.arguments
    if a.dtype.kind != "f" or a.dtype != b.dtype or not instruction.result.shape:
        return None
    if not (lies_plain(a) and lies_plain(b)) or max(a.size, b.size) < _LEAST:
        return None
    new = []
    if len(b.shape) == 1 and len(a.shape) > 1:
        product = _product(new, instruction, a, b)
        _sum(new, instruction, product, -1)
        return new
    if len(a.shape) == 1 and len(b.shape) == 2:
        index = (slice(None), None)
        column = _view(new, instruction, a, (a.size, 1), "getitem", index)
        product = _product(new, instruction, b, column)
        _sum(new, instruction, product, 0)
        return new
    is_dot = a.shape[-2:-1] == (1,) == b.shape[-1:] and a.size == b.size
    if not is_dot or a.shape[:-2] != b.shape[:-2]:
        return None
    shape = (*a.shape[:-2], a.shape[-1])
    parts = [_view(new, instruction, x, shape, "reshape", shape) for x in (a, b)]
    product = _product(new, instruction, *parts)
    _sum(new, instruction, product, -1)
    return new


def _added(new, instruction, name, arguments, options, result):
    one = Instruction(name, arguments, options, instruction.place, instruction.is_quiet)
    one.result, result.origin = result, one
    new.append(one)
    return one


def _view(new, instruction, x, shape, name, how):
    result = Value.like(x, None, shape)
    _added(new, instruction, name, (x, how), {}, result).is_view = True
    return result


def _product(new, instruction, a, b):
    for x, other in ((a, b), (b, a)):
        is_constant = owner_of(x).origin == "constant"
        if is_constant and other.size >= x.size and np.all(owner_of(x).data == 1):
            return other
    result = Value.like(a, None)
    _added(new, instruction, "multiply", (a, b), {}, result)
    return result


def _sum(new, instruction, x, axis):
    """Write the sum that stands for a product; its result is the product's."""
    shape = x.shape[:-1] if axis == -1 else x.shape[1:]
    result = instruction.result
    if result.shape == shape:
        _added(new, instruction, "sum", (x,), {"axis": axis}, result)
        return
    narrow = Value.like(x, None, shape)
    _added(new, instruction, "sum", (x,), {"axis": axis}, narrow)
    one = _added(new, instruction, "reshape", (narrow, result.shape), {}, result)
    one.is_view = True
