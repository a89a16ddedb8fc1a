"""The same elements, arranged anew."""
