"""Uses of operations that ONNX cannot say, or says otherwise, and why."""

_MASK = "ONNX takes the lengths of sequences, and no mask"
# Uses of an operation that ONNX has, but not for these.
REFUSED = {
    "GetItem-3": "ONNX gathers by one array of integers",
    "Gru-2": _MASK,
    "Gru-3": _MASK,
    "Lstm-2": _MASK,
    "Lstm-3": _MASK,
    "Rnn-2": _MASK,
    "WeightedSoftmaxCrossEntropy-3": "ONNX's loss has no smoothing",
    "WeightedSoftmaxCrossEntropy-4": "ONNX's loss has no smoothing",
}
# Where ONNX Runtime gives something else.
RUNTIME_DIFFERS = {
    "MaxPool2d-7": "ONNX Runtime takes the least finite number for a window of -inf",
}
