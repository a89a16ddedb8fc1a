"""Programs as files that run with NumPy alone, for any size of their batch."""
