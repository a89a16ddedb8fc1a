"""Functions of one number that NumPy does not have."""

import numpy as np

REFERENCES = {
    "Rsqrt": lambda x: 1 / np.sqrt(x),
}
