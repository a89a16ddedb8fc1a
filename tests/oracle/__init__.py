"""Comparisons with PyTorch and ONNX Runtime: `nox -s oracle`."""
