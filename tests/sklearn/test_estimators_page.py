"""docs/estimators.md: its programs run, one after the other, and say what they show."""

import pathlib
import re

import pytest

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning

import xdl.sklearn
from xdl.sklearn import Classifier

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "estimators.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
def test_the_programs_of_the_page_run(monkeypatch, tmp_path, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    pytest.importorskip("numba")
    monkeypatch.chdir(tmp_path)
    names = {}

    for program in PROGRAMS:
        exec(compile(program, str(PAGE), "exec"), names)

    printed = capsys.readouterr().out.splitlines()
    assert 4 == len(printed)
    assert names["search"].best_score_ > 0.8
    assert names["network"].history_[-1].keys() >= {"val_loss", "val_score", "lr"}
    assert (tmp_path / "losses.png").stat().st_size > 10_000
    names["display"].figure_.clf()


def test_the_page_names_every_estimator_and_every_factory():
    page = PAGE.read_text("utf-8")

    shown = [name for name in vars(xdl.sklearn) if name[0].isupper()]
    assert [] == [name for name in shown if f"`{name}" not in page.replace(".", "`")]
    assert [] == [name for name in Classifier.factories if f"`{name}" not in page]
