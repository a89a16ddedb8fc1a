"""Matrix products by the BLAS that NumPy itself has, for native code to call.

The function is linked by a name that is registered here, not by its address: so
compiled code can be kept on disk. Code that is read from there must find the name
registered, which importing this module does.
"""

import llvmlite.binding
from numba.core import types

from xdl.backend.blas import matrix_product


def _gemm(number, address):
    """Return BLAS's gemm of rows: a and b may be transposed, c may not."""
    name = f"xdl_gemm_{number.name}"
    llvmlite.binding.add_symbol(name, address)
    flag, size, matrix = types.int32, types.int64, types.CPointer(number)
    layouts = (flag, flag, flag, size, size, size)
    numbers = (number, matrix, size, matrix, size, number, matrix, size)
    return types.ExternalFunction(name, types.void(*layouts, *numbers))


_FOUND = {t: matrix_product(t.name) for t in (types.float32, types.float64)}
GEMM = {t.name: _gemm(t, address) for t, address in _FOUND.items() if address}
