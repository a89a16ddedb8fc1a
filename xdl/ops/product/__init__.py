"""Products of vectors, matrices and more axes."""
