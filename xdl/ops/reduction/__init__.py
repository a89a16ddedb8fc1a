"""Fewer numbers out than in, along axes; and cumulations."""
