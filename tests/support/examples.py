"""The examples, run as their users run them, but in this process."""

import importlib
import pathlib
import runpy
import sys

from tests.support.compared import arrays_of
from tests.support.counted import Counted

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


class Noted:
    """An example that has run.

    Attributes:
        losses: what its steps returned, flat.
        steps: those that ran as they are, Counted.
        printed: what it printed.
    """

    def __init__(self, compiled):
        self.losses, self.steps, self.printed = [], [], None
        self._compiled = compiled

    def compiled(self, step, *state, executor):
        """Do what the examples' ``compiled`` does, and note what the steps return."""
        self.steps.append(Counted(step))
        call = self._compiled(self.steps[-1], *state, executor=executor)

        def call_and_note(*batch):
            returned = call(*batch)
            self.losses += arrays_of(returned)
            return returned

        return call_and_note

    @property
    def eager_calls(self):
        """How often the steps ran as they are."""
        return sum(step.calls for step in self.steps)


def noted(line, monkeypatch, capsys):
    """Run an example whose steps may be compiled; return it, Noted.

    Args:
        line, monkeypatch, capsys: as of ``run``.
    """
    monkeypatch.syspath_prepend(EXAMPLES)
    compiling = importlib.import_module("compiling")
    found = Noted(compiling.compiled)
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "compiled", found.compiled)
        found.printed = run(line, monkeypatch, capsys)
    return found
