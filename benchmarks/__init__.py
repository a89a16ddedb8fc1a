"""Measurements: run them as modules, `python -m benchmarks.overhead` and so on."""
