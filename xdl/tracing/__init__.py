"""What writes a step down while it runs once: a namespace, and what it records."""
