"""What is raised in one stage of a program and caught in another: no user sees it."""


class Refused(Exception):  # noqa: N818 (it says what happened, and is caught)
    """A check of the program failed; run eagerly, the step says what it is."""


class Ineligible(Exception):  # noqa: N818
    """A program holds something that a native step cannot do."""


class Changed(Exception):  # noqa: N818
    """What a step depends on is not what it was."""
