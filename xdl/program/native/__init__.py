"""Native code: chains of instructions and whole small steps, compiled by Numba."""
