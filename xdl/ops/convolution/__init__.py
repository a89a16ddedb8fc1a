"""Convolution of sequences, images and volumes, and resizing."""
