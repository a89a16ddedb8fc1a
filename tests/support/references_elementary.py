"""What the functions of one or two numbers are compared with: NumPy and SciPy."""

import numpy as np
import scipy.special

REFERENCES = {
    "Acos": np.acos,
    "Acosh": np.acosh,
    "Asin": np.asin,
    "Asinh": np.asinh,
    "Atan": np.atan,
    "Atan2": np.atan2,
    "Atanh": np.atanh,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Cosh": np.cosh,
    "Erf": scipy.special.erf,
    "Exp2": np.exp2,
    "Floor": np.floor,
    "Log10": np.log10,
    "Log2": np.log2,
    "LogAddExp": np.logaddexp,
    "Round": np.round,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Sin": np.sin,
    "Sinh": np.sinh,
    "Tan": np.tan,
}

_INF = np.inf

# As in tests/support/references.py.
GRADIENTS_AT_KINKS = {
    "Acos": [[-_INF, -1.0, -_INF]],
    "Acosh": [[_INF, 3**-0.5]],
    "Asin": [[_INF, 1.0, _INF]],
    "Atan2": [[-0.5, 0.0, 0.16], [0.0, 0.0, -0.12]],
    "Atanh": [[_INF, 1.0, _INF]],
    "Ceil": [[0.0] * 5],
    "Floor": [[0.0] * 5],
    "Log10": [[_INF, 1 / np.log(10), 0.25 / np.log(10)]],
    "Log2": [[_INF, 1 / np.log(2), 0.25 / np.log(2)]],
    "LogAddExp": [[1.0, 0.5], [0.0, 0.5]],
    "Remainder": [[1.0, 1.0, 1.0], [-2.0, 2.0, -1.0]],
    "Round": [[0.0] * 5],
    "Rsqrt": [[-_INF, -0.5, -0.0625]],
}
