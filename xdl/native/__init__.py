"""What runs native code: threads, matrix products, mathematics, and a cache on disk.

Nothing here knows programs.
"""
