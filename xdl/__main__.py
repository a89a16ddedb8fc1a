"""The command line: ``python -m xdl info``."""

import argparse

from xdl.config import show_config


def main(arguments: list[str] | None = None) -> None:
    """Run one command.

    Args:
        arguments: the words after ``python -m xdl``; default: the process's own.
    """
    parser = argparse.ArgumentParser(prog="python -m xdl", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    info = commands.add_parser("info", help="show versions, device, optional packages")
    info.add_argument("--cuda", action="store_true", help="look at the GPU, with CuPy")
    show_config(parser.parse_args(arguments).cuda)


if __name__ == "__main__":
    main()
