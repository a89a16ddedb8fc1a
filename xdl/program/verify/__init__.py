"""The comparison of the first replays with eager code."""
