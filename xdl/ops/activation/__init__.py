"""Activations: what stands between two linear layers."""
