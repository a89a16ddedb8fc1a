"""Functions of one number that NumPy does not have."""

import numpy as np
import scipy.special

REFERENCES = {
    "Erf": scipy.special.erf,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
}
