"""The CUDA executor: a program as one graph of kernels."""
