"""Recording: a step is run once, and what it does and depends on is written down."""
