"""A whole small step as one native function."""
