"""Losses: one number that says how wrong predictions are."""
