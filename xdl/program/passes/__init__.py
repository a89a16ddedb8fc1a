"""Passes: each makes a shorter list of a program's instructions."""
