"""Which operations ONNX cannot say, and why; all others are compared with it."""

_COMPOSED = "ONNX has no operator for it; its formula is made of operators that it has"
_LOSS = "ONNX has no such loss; its formula is made of operators that it has"
_GRADIENT = "it is the gradient of another, met on the way back alone"
_POSITIONS = "ONNX's ScatterND wants the position of every element spelt out"
WITHOUT = {
    "Atan2": _COMPOSED,
    "AvgUnpool2d": _GRADIENT,
    "BatchNorm": "ONNX takes a mean and a variance; those of the batch train",
    "BinaryCrossEntropy": _LOSS,
    "BinaryCrossEntropyWithLogits": _LOSS,
    "Conv2dByWeight": _GRADIENT,
    "Conv3dByWeight": _GRADIENT,
    "CosineEmbeddingLoss": _LOSS,
    "CtcLoss": _LOSS,
    "Dropout": "its random numbers are xdl's own; a model that predicts has none",
    "Exp2": _COMPOSED,
    "Expm1": _COMPOSED,
    "FloorDivide": _COMPOSED,
    "GLU": _COMPOSED,
    "HingeLoss": _LOSS,
    "HuberLoss": _LOSS,
    "IndexAdd": _POSITIONS,
    "IndexUpdate": _POSITIONS,
    "InterpolateByInput": _GRADIENT,
    "KlDiv": _LOSS,
    "L1Loss": _LOSS,
    "Log10": _COMPOSED,
    "Log1p": _COMPOSED,
    "Log2": _COMPOSED,
    "LogAddExp": _COMPOSED,
    "MaxPick2d": _GRADIENT,
    "MaxUnpool2d": _GRADIENT,
    "MeanSquaredError": _LOSS,
    "Remainder": "ONNX's Mod of floating numbers has the sign of the dividend",
    "Roll": _COMPOSED,
    "Rsqrt": _COMPOSED,
    "SmoothL1Loss": _LOSS,
    "Square": _COMPOSED,
    "SquareError": _LOSS,
    "Std": _COMPOSED,
    "TripletLoss": _LOSS,
    "Var": _COMPOSED,
    "VecDot": _COMPOSED,
}
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
