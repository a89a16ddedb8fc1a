"""One number for each window of an image."""
