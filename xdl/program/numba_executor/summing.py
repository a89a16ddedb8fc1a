"""Summing: a product of stacks whose products are added up is one instruction."""

from xdl.native.gemm import product
from xdl.program.fusion.gathering import is_product
from xdl.tracing.instructions import Kind


def summed(program):
    """Write the sum of the products of two stacks as one instruction.

    The gradient of a recurrent state is such: one product for each gate.
    """
    uses, gone = program.uses(), set()
    for instruction in program.instructions:
        products = _summed_products(instruction, uses)
        if products is not None:
            gone.add(products)
            instruction.name, instruction.options = "matmul_sum", {}
            instruction.arguments = products.arguments
    program.instructions = [one for one in program.instructions if one not in gone]


def _summed_products(instruction, uses):
    """Return the instruction whose products are added up; None if it is no such sum."""
    row = instruction.row
    is_sum = row.kind == Kind.REDUCTION and row.adds
    if not is_sum or len(instruction.result.shape) != 2:
        return None
    x, axis = instruction.arguments[0], instruction.axis
    products = x.origin
    if axis not in (0, -3) or uses[x] != 1 or not is_product(products):
        return None
    a, b = products.arguments
    is_stack = a.shape[:-2] == b.shape[:-2] == x.shape[:1] and x.dtype.kind == "f"
    is_native = is_stack and product(a, b, instruction.result, True) is not None
    return products if is_native and instruction.result.dtype == x.dtype else None
