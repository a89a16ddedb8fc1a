"""The learning rate of a fit, from epoch to epoch."""

from typing import Any


class Rate:
    """The learning rate of a fit, as scikit-learn changes it from epoch to epoch.

    Attributes:
        learning_rate: the rate now.
        is_constant: whether it stays so.
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self.learning_rate = estimator.learning_rate_init
        is_adam = estimator.solver == "adam"
        self._kind = "constant" if is_adam else estimator.learning_rate
        self.is_constant = self._kind == "constant"

    def epoch_ended(self, seen: int) -> None:
        """Scale it down where it follows the number of samples seen."""
        if self._kind == "invscaling":
            first, power = self._estimator.learning_rate_init, self._estimator.power_t
            self.learning_rate = first / (seen + 1) ** power

    def stops(self, message: str) -> bool:
        """Tell whether to stop where nothing gets better, or lower the rate."""
        verbose = self._estimator.verbose
        if self._kind != "adaptive" or self.learning_rate <= 1e-6:
            if verbose:
                print(message + " Stopping.")
            return True
        self.learning_rate /= 5.0
        if verbose:
            print(f"{message} Setting learning rate to {self.learning_rate:f}")
        return False
