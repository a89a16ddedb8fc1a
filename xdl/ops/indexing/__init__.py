"""Picking elements out, writing them, and sorting."""
