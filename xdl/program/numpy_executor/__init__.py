"""The NumPy executor: a program as a straight line of calls with ``out``."""
