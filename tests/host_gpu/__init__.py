"""A GPU on the host: CuPy's real front end, on a CUDA that computes in main memory.

``python -m tests.host_gpu -m pytest -m gpu tests/gpu`` runs Python on it and makes it
first where it is missing. docs/gpu.md says what it shows, and what only a GPU can.
"""
