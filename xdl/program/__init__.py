"""Programs: a training step, recorded once and replayed without Python's overhead."""
