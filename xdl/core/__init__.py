"""Variables, operations and the graph between them; the stores that hold weights."""
