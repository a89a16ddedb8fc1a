"""The examples' own loops, compiled for a GPU: the losses of eager on the CPU."""

import functools

import numpy as np
import pytest

import xdl
from tests.support.examples import noted

pytestmark = pytest.mark.gpu

LINES = (
    "characters.py --model gpt --steps 30",
    "characters.py --model lstm --steps 30",
    "digits.py --epochs 1 --batch-size 45",
    "digits_models.py --model linear --epochs 1",
    "digits_models.py --model mlp --epochs 1",
    "digits_models.py --model cnn --epochs 1",
    "gan.py --steps 30",
    "tabular.py --epochs 3",
)
STEPS = 30


@pytest.mark.parametrize("line", LINES)
def test_an_example_trains_as_in_eager_on_the_cpu(line, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    run = functools.partial(noted, monkeypatch=monkeypatch, capsys=capsys)
    with xdl.use_device("cpu"):
        eager = run(line)

    compiled = run(f"{line} --executor cuda")

    assert len(eager.losses) >= STEPS
    np.testing.assert_allclose(compiled.losses, eager.losses, rtol=1e-4, atol=1e-6)
    assert compiled.eager_calls < STEPS / 3
