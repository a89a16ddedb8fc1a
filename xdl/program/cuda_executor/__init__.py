"""The executor of a GPU: a step as generated kernels."""
