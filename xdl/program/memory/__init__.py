"""Memory planning: where each Value of a program lies."""
