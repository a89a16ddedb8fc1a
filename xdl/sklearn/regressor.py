"""The regressors: the multilayer perceptron, and one around any module."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import scipy.special

from xdl.core.module import Module
from xdl.sklearn.factories import takes_parameters_of_factories
from xdl.sklearn.mlp import MLP
from xdl.sklearn.regression import Regression
from xdl.sklearn.wrapped import Wrapped


@dataclasses.dataclass(eq=False, repr=False)
class MLPRegressor(Regression, MLP):
    """Predict numbers with a multilayer perceptron: scikit-learn's, trained by xdl.

    It takes the place of ``sklearn.neural_network.MLPRegressor``.

    Args:
        loss: "squared_error" (default), or "poisson" for counts: the network's output
            is then the logarithm of the mean.
        hidden_layer_sizes: units of each hidden layer; default (100,).
        activation: of the hidden units: "relu" (default), "identity", "logistic",
            "tanh", or the name of a function of xdl, such as "gelu".
        solver: "adam" (default), "sgd", or "lbfgs", which takes all samples at once; or
            what makes an optimizer of a network and of ``lr``, such as a class of
            ``xdl.optim``.
        alpha: the factor of half the squares of the weights, over the samples of a
            batch; biases are spared. Default 1e-4.
        batch_size: samples of a batch; "auto" (default): 200, or all.
        learning_rate: of all but "adam": "constant" (default); "invscaling", the rate
            over the ``power_t``-th power of the samples seen; "adaptive", a fifth each
            time that training no longer gets better.
        learning_rate_init: the rate of the first epoch; default 0.001.
        power_t: of "invscaling"; default 0.5.
        max_iter: epochs at most; of "lbfgs" iterations; default 200.
        shuffle: whether samples come in a new order in each epoch; default True.
        random_state: None, a seed, or a RandomState of NumPy: for the first weights,
            dropout, the orders, the samples put aside.
        tol: by how much the loss, or the score, has to get better; default 1e-4.
        verbose: whether each epoch is printed; default False.
        warm_start: whether ``fit`` goes on from the weights that there are.
        momentum, nesterovs_momentum: of "sgd"; default 0.9 and True.
        early_stopping: whether samples are put aside, training ends when their score
            no longer gets better, and the weights of the best score are kept; default
            False.
        validation_fraction: the part that is put aside; default 0.1.
        beta_1, beta_2, epsilon: of "adam"; default 0.9, 0.999 and 1e-8.
        n_iter_no_change: epochs without progress before training ends; default 10.
        max_fun: of "lbfgs": how often the loss is computed, at most; default 15000.
        dropout: the part of hidden units that is dropped in training; default 0.
        batch_norm: whether hidden units are normalized over the batch; default False.
        callbacks: Callbacks of ``xdl.train``, of which copies are used, and functions
            that make one of the optimizer; default none. Samples are put aside if one
            of them looks at a measure whose name begins with "val_".
        n_members: of how many networks the results are averaged; default 1.
        executor: "numpy" (default), "numba" or, on a GPU, "cuda": the step is compiled,
            as by ``xdl.compile``; "eager", or None: it runs as it is; "auto": "numpy".
            On a GPU those of the CPU are "eager".
        device: "cpu" or "cuda"; default None: where ``X`` is, an array of CuPy on its
            GPU, and else where ``xdl.device`` says.

    Attributes:
        coefs_, intercepts_: the weights (rows, columns) and biases of the layers.
        loss_, best_loss_, loss_curve_: of the last epoch, the least, and of each.
        validation_scores_, best_validation_score_: with ``early_stopping``, else None.
        history_: a list of a dict for each epoch, as of ``xdl.train.Trainer``.
        callbacks_: with ``callbacks``: the copies that were used.
        n_iter_, t_: epochs, and samples that were seen.
        n_features_in_, feature_names_in_: of ``X``.
        n_layers_, n_outputs_, out_activation_: of the network.
        members_: with ``n_members`` above 1, the estimators that are averaged.

    Example:
        >>> from xdl.sklearn import MLPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = MLPRegressor((8,), solver="lbfgs", random_state=0).fit(X, y)
        >>> model.predict([[1.5]]).round(1).tolist()
        [1.5]

    Reference: the interface and the start are those of Pedregosa et al.,
    "Scikit-learn: Machine Learning in Python", 2011.
    """

    _: dataclasses.KW_ONLY
    loss: str = "squared_error"

    def _activation_for(self, y):
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError("the loss 'poisson' needs targets of 0 or more")
        return "exp" if self.loss == "poisson" else "identity"

    def _reported(self, loss):
        """Return a loss as scikit-learn has it: the mean of squares, the sum else."""
        return loss if self.out_activation_ == "exp" else loss / self.n_outputs_

    def _shift(self, target, weight=None):
        """Return the part of the loss that no weight changes."""
        if self.out_activation_ != "exp":
            return 0.0
        each = scipy.special.xlogy(target, target) - target
        return float(np.average(each, axis=0, weights=weight).sum())


@takes_parameters_of_factories
@dataclasses.dataclass(eq=False, repr=False)
class Regressor(Regression, Wrapped):
    """Predict numbers with any network: an estimator around what makes a Module.

    Args:
        module: what makes the network: a Module's class, or a function. It is given
            those sizes that it names: ``n_features``, the length of the last axis of
            ``X``; ``input_shape``, the shape of a sample; ``n_outputs``, how many
            numbers there are. The
            network makes scores (n, n_outputs) of samples.
        loss: None: the mean of squares; or a function of scores and targets (n,
            n_outputs), which has to take ``sample_weight`` if such weights come; or a
            loss layer, or its class.
        optimizer: what makes the optimizer of the module: a class of ``xdl.optim``, or
            a function; default ``xdl.optim.Adam``. ``optimizer__lr`` is its rate.
        schedule: None, or what makes a Schedule of the optimizer, which goes on by a
            step each epoch.
        callbacks: Callbacks of ``xdl.train``, of which copies are used, and functions
            that make one of the optimizer. Samples are put aside if one of them looks
            at a measure whose name begins with "val_".
        batch_size: samples of a batch; "auto" (default): 200, or all.
        max_iter: epochs at most; default 200.
        shuffle: whether samples come in a new order in each epoch; default True.
        random_state: None, a seed, or a RandomState of NumPy: for the first weights,
            dropout, the orders, the samples put aside.
        tol: by how much the loss, or the score, has to get better; default 1e-4. None:
            all epochs are done.
        n_iter_no_change: epochs without progress before training ends; default 10.
        verbose: whether each epoch is printed; default False.
        warm_start: whether ``fit`` goes on from the weights that there are.
        early_stopping: whether samples are put aside, training ends when their score
            no longer gets better, and the weights of the best score are kept; default
            False.
        validation_fraction: the part that is put aside; default 0.1.
        dtype: of what the module is given, and of its weights, "float32" by default;
            "int64" for an Embedding, whose weights are float32.
        device: "cpu" or "cuda"; default None: where ``X`` is, an array of CuPy on its
            GPU, and else where ``xdl.device`` says.
        executor: "numpy", "numba" or, on a GPU, "cuda": the step is compiled, as by
            ``xdl.compile``; "eager": it runs as it is; "auto" (default): "numpy", on a
            GPU "eager".
        parameters: of what makes things: ``module__hidden=32`` calls ``module`` with
            ``hidden=32``; so do ``loss__...``, ``optimizer__...`` and
            ``schedule__...``.

    Attributes:
        module_, optimizer_, schedule_: what was made.
        history_: a list of a dict for each epoch, as of ``xdl.train.Trainer``.
        callbacks_: the copies that were used.
        loss_, best_loss_, loss_curve_: of the last epoch, the least, and of each.
        validation_scores_, best_validation_score_: with ``early_stopping``, else None.
        n_iter_, t_: epochs, and samples that were seen.
        n_features_in_, feature_names_in_, n_outputs_, out_activation_: of the data.

    Example:
        >>> import xdl
        >>> from xdl.sklearn import Regressor
        >>> def line(n_features, n_outputs):
        ...     return xdl.nn.Linear(n_features, n_outputs)
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
        >>> model = Regressor(line, optimizer__lr=0.1, tol=None, random_state=0)
        >>> model.fit(X, y).predict([[1.5]]).round(1).tolist()
        [4.0]
    """

    if TYPE_CHECKING:

        def __init__(self, module: Callable[..., Module], **options: object) -> None:
            """Take the options above, and those of factories."""
