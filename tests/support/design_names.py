"""The public names that xdl promises, and what checks those that are no functions.

The check of a layer is the function that it calls, which stands in the table of the
comparisons with PyTorch, or the file of the test that compares it as a whole.
"""

_FUNCTIONS = """
    add subtract multiply divide floor_divide remainder power negative positive abs sign
    square sqrt rsqrt reciprocal exp exp2 expm1 log log1p log2 log10 logaddexp sin cos
    tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf maximum minimum clip
    where floor ceil round equal not_equal less less_equal greater greater_equal
    logical_and logical_or logical_not isnan isinf isfinite
    sum prod mean var std max min all any argmax argmin logsumexp norm
    cumulative_sum cumulative_prod sort argsort topk diff
    matmul dot vecdot outer tensordot einsum linear
    reshape permute_dims transpose matrix_transpose swapaxes moveaxis expand_dims
    squeeze broadcast_to concat stack split unstack flip roll tile repeat pad tril triu
    diagonal flatten astype
    take take_along_axis getitem index_update index_add one_hot
    relu leaky_relu elu selu celu gelu silu mish sigmoid hard_sigmoid softplus softsign
    hard_tanh relu6 hard_swish glu softmax log_softmax dropout
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d max_pool1d max_pool2d
    avg_pool1d avg_pool2d adaptive_avg_pool2d interpolate
    batch_norm layer_norm group_norm instance_norm rms_norm
    embedding scaled_dot_product_attention
    rnn_cell gru_cell lstm_cell rnn gru lstm
    softmax_cross_entropy nll_loss square_error mean_squared_error l1_loss huber_loss
    smooth_l1_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div
    hinge_loss cosine_embedding_loss triplet_loss ctc_loss
"""
FUNCTIONS = tuple(_FUNCTIONS.split())

_NORMALIZATION = "test_layers_normalization.py"
_RECURRENT = "test_recurrent_layers.py"
_OPTIMIZERS = "test_optimizers.py"
_SCHEDULES = "test_schedules.py"
_INIT = "test_init_against_torch.py"
_MODELS = "test_models.py"
_OWN = "the paper's formula, in tests/optim/test_formulas.py"
_SPREAD = "its mean and spread, in tests/nn/test_init.py"
_TRANSFORMS = "tests/test_transform.py"

# From a namespace to its names, each with what checks it.
CLASSES = {
    "nn": {
        "Linear": "linear",
        "Conv1d": "conv1d",
        "Conv2d": "conv2d",
        "Conv3d": "conv3d",
        "ConvTranspose2d": "conv_transpose2d",
        "MaxPool2d": "max_pool2d",
        "AvgPool2d": "avg_pool2d",
        "BatchNorm1d": _NORMALIZATION,
        "BatchNorm2d": _NORMALIZATION,
        "LayerNorm": _NORMALIZATION,
        "GroupNorm": _NORMALIZATION,
        "RMSNorm": _NORMALIZATION,
        "Dropout": _NORMALIZATION,
        "Embedding": "embedding",
        "RNN": _RECURRENT,
        "GRU": _RECURRENT,
        "LSTM": _RECURRENT,
        "MultiHeadAttention": "test_attention_layer.py",
        "TransformerBlock": "test_transformer.py",
        "Sequential": _MODELS,
        "Flatten": "flatten",
        "ReLU": "relu",
        "LeakyReLU": "leaky_relu",
        "ELU": "elu",
        "SELU": "selu",
        "CELU": "celu",
        "GELU": "gelu",
        "SiLU": "silu",
        "Mish": "mish",
        "Sigmoid": "sigmoid",
        "HardSigmoid": "hard_sigmoid",
        "Softplus": "softplus",
        "Softsign": "softsign",
        "HardTanh": "hard_tanh",
        "Tanh": "tanh",
        "ReLU6": "relu6",
        "HardSwish": "hard_swish",
        "GLU": "glu",
        "Softmax": "softmax",
        "LogSoftmax": "log_softmax",
        "SoftmaxLoss": "softmax_cross_entropy",
        "SquareLoss": "square_error",
        "NLLLoss": "nll_loss",
        "MSELoss": "mean_squared_error",
        "L1Loss": "l1_loss",
        "HuberLoss": "huber_loss",
        "SmoothL1Loss": "smooth_l1_loss",
        "BCELoss": "binary_cross_entropy",
        "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
        "KLDivLoss": "kl_div",
        "HingeLoss": "hinge_loss",
        "CosineEmbeddingLoss": "cosine_embedding_loss",
        "TripletLoss": "triplet_loss",
        "CTCLoss": "ctc_loss",
    },
    "optim": {
        "SGD": "test_training_against_torch.py",
        "RMSprop": _OPTIMIZERS,
        "Adagrad": _OPTIMIZERS,
        "Adadelta": _OPTIMIZERS,
        "Adam": _OPTIMIZERS,
        "AdamW": _OPTIMIZERS,
        "NAdam": _OPTIMIZERS,
        "RAdam": _OPTIMIZERS,
        "Lion": _OWN,
        "LAMB": _OWN,
        "Muon": _OPTIMIZERS,
        "ConstantLR": _SCHEDULES,
        "StepLR": _SCHEDULES,
        "ExponentialLR": _SCHEDULES,
        "CosineAnnealingLR": _SCHEDULES,
        "OneCycleLR": _SCHEDULES,
        "LinearLR": _SCHEDULES,
        "ReduceLROnPlateau": _SCHEDULES,
        "SequentialLR": _SCHEDULES,
        "clip_grad_norm": _OPTIMIZERS,
        "clip_grad_value": _OPTIMIZERS,
        "EMA": _OPTIMIZERS,
    },
    "init": {
        "scaled_normal": "its mean and spread, in tests/core/test_parameter.py",
        "zeros": _SPREAD,
        "ones": _SPREAD,
        "constant": _SPREAD,
        "uniform": _SPREAD,
        "normal": _SPREAD,
        "truncated_normal": _INIT,
        "xavier_uniform": _INIT,
        "xavier_normal": _INIT,
        "kaiming_uniform": _INIT,
        "kaiming_normal": _INIT,
        "lecun_normal": _SPREAD,
        "orthogonal": _INIT,
        "eye": _SPREAD,
    },
    "models": {
        "LinearModel": "test_training_against_torch.py",
        "LinearRegression": "square_error",
        "MLP": "test_transformer.py",
        "LeNet": _MODELS,
        "ResNet": _MODELS,
        "RNNClassifier": _MODELS,
        "LSTMLanguageModel": _MODELS,
        "GPT": "test_transformer.py",
    },
    "": {
        "gradient": _TRANSFORMS,
        "value_and_gradient": _TRANSFORMS,
        "hessian_vector_product": _TRANSFORMS,
        "recompute": _TRANSFORMS,
        "testing.check_gradient": "tests/test_testing.py",
        "seed": "tests/backend/test_random.py",
        "compile": "tests/program/test_steps_compiled.py",
        "atomic": "tests/test_refused_steps.py",
        "save": "tests/io/test_checkpoint.py",
        "load": "tests/io/test_checkpoint.py",
        "show_config": "tests/test_packaging.py",
    },
}
# What is promised and not there yet.
MISSING: set[str] = set()
