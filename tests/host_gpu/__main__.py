"""Run Python on the host GPU: ``python -m tests.host_gpu [what python takes]``."""

import os
import sys

from tests.host_gpu import build


def main(arguments):
    """Replace this process by Python on the host GPU; status 2 where there is none."""
    try:
        home = build.built()
    except build.CannotBuildError as error:
        sys.stderr.write(f"tests.host_gpu: it cannot be made here: {error}\n")
        sys.exit(2)
    environment = {**os.environ, **build.environment(home)}
    os.execve(sys.executable, [sys.executable, *arguments], environment)


if __name__ == "__main__":
    main(sys.argv[1:])
