"""Matrix products inside compiled code, against NumPy's."""

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from xdl.program.native.blas import GEMM  # noqa: E402  (it needs Numba)

LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "rows of a wider array": lambda x: np.hstack([x, x])[:, : x.shape[1]],
    "columns of a wider array": lambda x: np.hstack([x.T, x.T])[:, : x.shape[0]].T,
}
SHAPES = [
    (1, 64, 10),
    (64, 1, 10),
    (5, 7, 1),
    (1, 1, 1),
    (3, 0, 2),
    (0, 4, 2),
    (1, 9, 1),
]

pytestmark = pytest.mark.skipif(not GEMM, reason="NumPy's BLAS is not to be found")


@numba.njit
def _multiply(gemm, alpha, a, b, beta, c):
    gemm(alpha, a, b, beta, c)


@pytest.mark.parametrize("right", LAYOUTS)
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gemm_is_a_product_added_to_an_array(shape, left, right, rng):
    m, k, n = shape
    a = LAYOUTS[left](rng.standard_normal((m, k)))
    b = LAYOUTS[right](rng.standard_normal((k, n)))
    c = rng.standard_normal((m, n))
    expected = -0.5 * (a @ b) + 2 * c

    _multiply(GEMM["float64"], -0.5, a, b, 2.0, c)

    np.testing.assert_allclose(c, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gemm_multiplies_float32(shape, rng):
    m, k, n = shape
    a = rng.standard_normal((m, k)).astype(np.float32)
    b = rng.standard_normal((k, n)).astype(np.float32)
    c = np.full((m, n), np.nan, np.float32)

    _multiply(GEMM["float32"], np.float32(1), a, b, np.float32(0), c)

    np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("view", [np.s_[::2, ::2], np.s_[:, ::-1], np.s_[::-1, :]])
def test_gemm_refuses_a_matrix_that_blas_cannot_read(view, rng):
    a = rng.standard_normal((6, 6))[view]
    c = np.zeros((a.shape[0], a.shape[1]))

    with pytest.raises(ValueError, match="contiguous"):
        _multiply(GEMM["float64"], 1.0, a, np.eye(a.shape[1]), 0.0, c)

    assert not c.any()


def test_gemm_refuses_a_result_whose_rows_are_not_contiguous():
    c = np.zeros((3, 2)).T

    with pytest.raises(ValueError, match="rows of the result"):
        _multiply(GEMM["float64"], 1.0, np.eye(2), np.ones((2, 3)), 0.0, c)
