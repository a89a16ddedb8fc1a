"""Calling a compiled step: which program runs, and how it is replayed."""
