"""Memory: how long each Value is needed, and where it lies."""
