"""Recurrent networks: one weight, used at every step of a sequence."""
