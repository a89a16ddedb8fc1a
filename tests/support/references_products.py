"""What the products beside matmul are compared with: NumPy's own."""

import numpy as np

REFERENCES = {
    "Einsum": lambda *operands, subscripts: np.einsum(subscripts, *operands),
    "VecDot": np.vecdot,
}
