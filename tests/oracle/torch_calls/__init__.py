"""How PyTorch is called where a name and options do not say it, by family."""
