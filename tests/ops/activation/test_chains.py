"""Activations that are chains of calls: the same block by block as at once."""

import numpy as np
import pytest

from tests.support.operations import operations
from xdl.backend import blocks
from xdl.backend import numpy as xp
from xdl.core.elementwise import Unary

CHAINS = [o for o in operations() if issubclass(o, Unary) and o.is_chain]


def _results(op, x, gy):
    results = op.compute(xp, x)
    y, *residuals = results if type(results) is tuple else (results,)
    known = {"x": x, "y": y, **dict(zip(op.residuals, residuals, strict=True))}
    kept = [known[name] for name in op.signature.kept]
    return [y, *residuals, *op.gradient(xp, gy, *kept)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1)], ids=str)
@pytest.mark.parametrize("chain", CHAINS, ids=lambda o: o.__name__)
def test_a_chain_in_blocks_is_what_it_is_as_a_whole(
    chain, axes, dtype, rng, monkeypatch
):
    x, gy = (rng.standard_normal((5, 7, 3)).transpose(axes) for _ in "xg")
    x, gy = x.astype(dtype) * 4, gy.astype(dtype)
    whole = _results(chain(), x, gy)
    monkeypatch.setattr(blocks, "SIZE", 16)
    monkeypatch.setattr(blocks, "LEAST", 32)

    parts = _results(chain(), x, gy)

    for part, expected in zip(parts, whole, strict=True):
        assert part.dtype == expected.dtype
        assert part.strides == x.strides
        np.testing.assert_allclose(part, expected, rtol=4 * np.finfo(dtype).eps)
