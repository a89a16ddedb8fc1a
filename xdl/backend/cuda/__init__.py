"""What CUDA alone needs: kernels, checks, and the one GPU of a process."""
