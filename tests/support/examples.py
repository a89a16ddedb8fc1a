"""The examples, run as their users run them, but in this process."""

import pathlib
import runpy
import sys

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def run(line, monkeypatch, capsys):
    """Run an example; return what it prints.

    Args:
        line: its name and options.
        monkeypatch, capsys: those of the test.
    """
    name, *options = line.split()
    monkeypatch.syspath_prepend(EXAMPLES)  # as if it were run from a shell
    monkeypatch.setattr(sys, "argv", [name, *options])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out
