"""ONNX's operators, each said in xdl's operations."""
