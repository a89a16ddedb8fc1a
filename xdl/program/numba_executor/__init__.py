"""The Numba executors: groups of instructions, or small steps, as native loops."""
