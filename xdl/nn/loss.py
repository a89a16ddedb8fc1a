"""Loss layers: the article's spelling of the losses, in three steps."""

from xdl.core.module import Module
from xdl.errors import GraphError
from xdl.ops import softmax_cross_entropy, square_error


class Loss(Module):
    """The base of loss layers: ``forward(output)``, ``loss(target)``, ``backward()``.

    A subclass defines ``compute(output, target)``.

    Example:
        >>> import xdl
        >>> class AbsoluteLoss(xdl.nn.Loss):
        ...     def compute(self, output, target):
        ...         return xdl.mean(xdl.abs(output - target))
        >>> prediction = xdl.Variable([1.0, 4.0])
        >>> loss_ops = AbsoluteLoss()
        >>> output = loss_ops.forward(prediction)
        >>> loss_ops.loss([1.0, 2.0])
        Variable(1., dtype=float32)
    """

    def __init__(self):
        super().__init__()
        self._output = self._loss = None

    def compute(self, output, target):
        """Return the loss Variable; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: compute is not defined")

    def forward(self, output):
        """Remember the model's output for ``loss``, and return it."""
        self._output = output
        return output

    def loss(self, target):
        """Return the loss of the remembered output, a Variable of one element.

        Raises:
            GraphError: ``forward`` was not called before.
        """
        if self._output is None:
            raise GraphError(f"{type(self).__name__}.loss: call forward(output) first")
        self._loss = self.compute(self._output, target)
        return self._loss

    def backward(self):
        """Compute the gradients by everything that led to the loss; then forget it.

        Raises:
            GraphError: ``loss`` was not called before.
        """
        if self._loss is None:
            raise GraphError(f"{type(self).__name__}.backward: call loss(target) first")
        loss, self._loss, self._output = self._loss, None, None
        loss.backward()


class SoftmaxLoss(Loss):
    """The softmax cross-entropy of class scores, natural logarithm, batch mean.

    Example:
        >>> import xdl
        >>> scores = xdl.Variable([[0.0, 0.0]])
        >>> loss_ops = xdl.nn.SoftmaxLoss()
        >>> output = loss_ops.forward(scores)
        >>> loss_ops.loss([1])
        Variable(0.6931472, dtype=float32)
        >>> loss_ops.backward()
        >>> scores.grad
        array([[ 0.5, -0.5]], dtype=float32)
    """

    def compute(self, output, target):
        return softmax_cross_entropy(output, target)


class SquareLoss(Loss):
    """Half the squared distance to the target, batch mean.

    Example:
        >>> import xdl
        >>> prediction = xdl.Variable([[1.0, 3.0]])
        >>> loss_ops = xdl.nn.SquareLoss()
        >>> output = loss_ops.forward(prediction)
        >>> loss_ops.loss([[1.0, 1.0]])
        Variable(2., dtype=float32)
        >>> loss_ops.backward()
        >>> prediction.grad
        array([[0., 2.]], dtype=float32)
    """

    def compute(self, output, target):
        return square_error(output, target)
