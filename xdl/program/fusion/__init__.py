"""Fusion: which instructions one loop computes."""
