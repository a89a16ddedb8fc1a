"""The activations in plain NumPy and SciPy, by the name of the class."""

import numpy as np
import scipy.special


def _elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


def _celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x / alpha))


def _gelu(x, approximate="none"):
    if approximate == "none":
        return x * scipy.special.ndtr(x)
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _glu(x, axis=-1):
    first, second = np.split(x, 2, axis)
    return first * scipy.special.expit(second)


def log_softmax(x, axis=-1):
    """Subtract the largest first: SciPy's does not where that is infinite."""
    shifted = x - np.max(x, axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis, keepdims=True))


def _leaky_relu(x, negative_slope=0.01):
    below = np.minimum(x, 0) * negative_slope if negative_slope else 0
    return np.maximum(x, 0) + below


def _prelu(x, weight):
    channels = weight.reshape(-1, *[1] * max(x.ndim - 2, 0))
    return np.where(x > 0, x, x * channels).reshape(x.shape)


REFERENCES = {
    "CELU": _celu,
    "ELU": _elu,
    "GELU": _gelu,
    "GLU": _glu,
    "HardShrink": lambda x, lambd=0.5: np.where(np.abs(x) <= lambd, 0, x),
    "HardSigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "HardSwish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "HardTanh": lambda x, min=-1.0, max=1.0: np.clip(x, min, max),
    "LeakyReLU": _leaky_relu,
    "LogSoftmax": log_softmax,
    "Mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "PReLU": _prelu,
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "Relu": lambda x: np.maximum(x, 0),
    "SELU": lambda x: 1.0507009873554804934 * _elu(x, 1.6732632423543772848),
    "SiLU": lambda x: x * scipy.special.expit(x),
    "Softplus": lambda x, beta=1.0: np.logaddexp(0, beta * x) / beta,
    "Softsign": lambda x: x / (1 + np.abs(x)),
}
