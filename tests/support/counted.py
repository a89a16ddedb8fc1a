"""A step that counts how often it runs as it is: what the replays do not."""

from collections import deque

EAGER_CALLS = 2  # the recorded one, and the one that the first replay is compared with


class Counted:
    """A function that counts its calls, where the comparison does not look.

    Args:
        function: what is called.

    Attributes:
        calls: how often it was called.
    """

    def __init__(self, function):
        self.function, self._ran = function, deque()

    @property
    def calls(self):
        return len(self._ran)

    def __call__(self, *arguments):
        self._ran.append(None)
        return self.function(*arguments)
