"""What stands in the place of an array that a fork may have found half changed."""

import numpy as np

from xdl import backend
from xdl.errors import GraphError


class Lost:
    """No array: whoever reads it, or computes with it, is told what happened.

    Args:
        label: of which Variable it would be the array.
    """

    kind = "lost"

    def __init__(self, label):
        self._label = label

    def __getattr__(self, name):
        if name.startswith("__"):  # Python's own questions, which arrays do not answer
            raise AttributeError(name)
        self.refuse()

    def refuse(self):
        """Tell what happened.

        Raises:
            GraphError: always.
        """
        raise GraphError(
            f"compile: {self._label} was being changed by a compiled step in another "
            "thread when this process was forked, and may be half changed; fork while "
            "no step runs, start processes by multiprocessing's spawn method, or make "
            "the model anew and load a checkpoint"
        )


def _refused(name):
    return property(lambda self: self.refuse(), doc=f"Refused: {name}.")


for _name in set(dir(np.ndarray)) - set(dir(object)):
    setattr(Lost, _name, _refused(_name))  # operators are asked of the class
_every = Lost("a Variable")
backend.register(Lost, _every, _every)  # its namespace and its library refuse as well
