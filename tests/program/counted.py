"""A step that counts how often it runs as it is: what the replays do not."""

EAGER_CALLS = 2  # the recorded one, and the one that the first replay is compared with


class Counted:
    """A function that counts its calls.

    Args:
        function: what is called.

    Attributes:
        calls: how often it was called.
    """

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.function(*arguments)
