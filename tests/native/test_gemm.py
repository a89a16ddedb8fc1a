"""Matrix products by blocks, against NumPy's."""

import functools
import unittest.mock

import numpy as np
import pytest

numba = pytest.importorskip("numba")

import xdl
from xdl.native import blas
from xdl.native import gemm_panels as panels
from xdl.native.gemm import _fastest, is_known, product
from xdl.native.gemm_blocks import Registers
from xdl.native.pointers import first

LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "rows of a wider array": lambda x: np.hstack([x, x])[:, : x.shape[1]],
    "columns of a wider array": lambda x: np.hstack([x.T, x.T])[:, : x.shape[0]].T,
    "every second number": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}
SHAPES = [
    (1, 1, 1),
    (1, 64, 10),
    (64, 1, 10),
    (5, 7, 1),
    (3, 0, 2),
    (0, 4, 2),
    (4, 3, 0),
    (23, 40, 100),
    (300, 600, 49),
]
STACKS = [
    ((2, 3, 5, 4), (2, 3, 4, 6)),
    ((5, 4), (3, 4, 6)),
    ((3, 5, 4), (4, 6)),
    ((1, 3, 5, 4), (2, 1, 4, 6)),
]
REGISTERS = {"AVX-512": (512, 8, 3), "half as wide": (256, 6, 2)}
TOLERANCES = {"float32": 2e-4, "float64": 1e-11}

pytestmark = pytest.mark.skipif(not is_known("float32"), reason="it needs AVX-512")


@pytest.fixture(autouse=True)
def _cached(monkeypatch, tmp_path_factory):
    """Keep what is compiled for all the tests."""
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))


@pytest.mark.parametrize("right", LAYOUTS)
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_product_is_numpys_however_its_operands_lie(dtype, shape, left, right, rng):
    m, k, n = shape
    a = LAYOUTS[left](rng.standard_normal((m, k)).astype(dtype))
    b = LAYOUTS[right](rng.standard_normal((k, n)).astype(dtype))
    c = np.full((m, n), np.nan, dtype)

    is_done = product(a, b, c)(a, b, c)

    assert is_done
    np.testing.assert_allclose(c, a @ b, rtol=0, atol=TOLERANCES[dtype])


@pytest.mark.parametrize("shapes", STACKS, ids=str)
def test_stacks_of_matrices_are_multiplied_as_numpy_does(shapes, rng):
    a, b = (rng.standard_normal(shape).astype("f4") for shape in shapes)
    expected = a @ b
    c = np.full(expected.shape, np.nan, "f4")

    assert product(a, b, c)(a, b, c)

    np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-5)


def test_a_sum_of_products_in_a_program_is_one_call(rng):
    x, y = (rng.standard_normal(s).astype("f4") for s in ((4, 256, 300), (4, 300, 200)))
    step = xdl.compile(
        lambda x, y: xdl.sum(x @ y, axis=0) * 2, executor="numba", verify=False
    )
    step(x, y)

    actual = step(x, y).numpy()

    np.testing.assert_allclose(actual, 2 * (x @ y).sum(0), rtol=1e-3, atol=1e-3)
    (replay,) = step._replays.values()
    assert 1 == replay.executor.source.count("_summed_product(")
    assert "np.matmul(x, y).sum(axis=0)" in str(step.program)
    assert 2 * 4 * 256 * 300 * 200 == step.program.statistics()["product_flops"]


@pytest.mark.parametrize("layout", ["C", "Fortran"])
def test_the_products_of_two_stacks_are_added_up(layout, rng):
    a, b = rng.standard_normal((3, 9, 70)), rng.standard_normal((3, 70, 33))
    c = LAYOUTS[layout](np.full((9, 33), np.nan))

    assert product(a, b, c, is_summed=True)(a, b, c)

    np.testing.assert_allclose(c, (a @ b).sum(axis=0), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("layout", ["Fortran", "columns of a wider array"])
def test_a_result_may_lie_by_columns(layout, rng):
    a, b = rng.standard_normal((9, 70)), rng.standard_normal((70, 33))
    c = LAYOUTS[layout](np.zeros((9, 33)))

    assert product(a, b, c)(a, b, c)

    np.testing.assert_allclose(c, a @ b, rtol=1e-12, atol=1e-12)


def test_a_result_of_neither_rows_nor_columns_is_left_alone(rng):
    a, b = rng.standard_normal((4, 3)), rng.standard_normal((3, 6))
    c = np.zeros((8, 12))[::2, ::2]

    is_done = product(a, b, c)(a, b, c)

    assert not is_done
    assert not c.any()


def test_what_surrounds_a_result_stays_as_it_was(rng):
    whole = np.full((12, 60), 7.0, "f4")
    a, b = (rng.standard_normal(s).astype("f4") for s in ((10, 20), (20, 50)))
    c = whole[1:11, 3:53]

    product(a, b, c)(a, b, c)

    c[...] = 7
    assert (whole == 7).all()


def test_nan_stays_in_its_row_and_infinity_makes_nan(rng):
    a, b = np.ones((9, 20)), np.ones((20, 30))
    a[4, 3], a[5, 7], b[7, 11] = np.nan, np.inf, 0.0
    c = np.empty((9, 30))

    product(a, b, c)(a, b, c)

    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(c, a @ b)


@pytest.mark.parametrize(
    ("a", "b", "dtype"),
    [
        (np.ones((2, 3), "i8"), np.ones((3, 2), "i8"), "i8"),
        (np.ones((2, 3), "f4"), np.ones((3, 2), "f8"), "f8"),
        (np.ones(3, "f4"), np.ones((3, 2), "f4"), "f4"),
        (np.empty((1024, 1024), "f4"), np.empty((1024, 1024), "f4"), "f4"),
    ],
    ids=["integers", "two dtypes", "a vector", "large"],
)
def test_other_products_are_left_to_numpy(a, b, dtype):
    c = np.empty((*a.shape[:-1], b.shape[-1]), dtype)

    assert product(a, b, c) is None


@pytest.mark.parametrize(("bits", "rows"), [(512, 10), (256, 7)])
def test_a_block_that_has_no_room_in_registers_is_refused(bits, rows):
    with pytest.raises(ValueError, match=f"a block of {rows} rows .* registers"):
        Registers(panels.REGISTERS["float32"][0], bits, rows, 3)


@functools.cache
def _multiplication(way, dtype):
    if way == "loops":
        return blas.multiply_by_loops
    if way == "BLAS":
        return blas.multiplication(dtype)
    form, _ = panels.REGISTERS[dtype]
    known = {dtype: (form, Registers(form, *REGISTERS[way]))}
    with unittest.mock.patch.dict(panels.REGISTERS, known):
        return panels.multiplication(dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("way", [*REGISTERS, "BLAS", "loops"])
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("shape", [(23, 300, 101), (1, 40, 1), (3, 0, 2)], ids=str)
def test_products_are_right_on_every_processor(shape, left, way, dtype, rng):
    m, k, n = shape
    run = _running(dtype, _multiplication(way, dtype))
    a = LAYOUTS[left](rng.standard_normal((m, k)).astype(dtype))
    b = rng.standard_normal((n, k)).astype(dtype)
    c = np.full((m, n), np.nan, dtype)

    run(a, b.T, c, False)
    run(a, b.T, c, True)

    np.testing.assert_allclose(c, 2 * (a @ b.T), rtol=0, atol=TOLERANCES[dtype])


@functools.cache
def _running(dtype, multiply):
    """Return a function of arrays that multiplies them."""
    item = np.dtype(dtype).itemsize

    @numba.njit
    def run(a, b, c, adds):
        (m, n), k = c.shape, a.shape[1]
        of_a = first(a), a.strides[0] // item, a.strides[1] // item
        of_b = first(b), b.strides[0] // item, b.strides[1] // item
        multiply(m, n, k, *of_a, *of_b, first(c), n, adds)

    return run


@pytest.mark.parametrize(
    ("has_blocks", "address", "expected"),
    [
        (True, 1, 'panels.multiplication("float32")'),
        (False, 1, 'blas.multiplication("float32")'),
        (False, None, "blas.multiply_by_loops"),
    ],
)
def test_blocks_come_before_blas_and_loops(has_blocks, address, expected, monkeypatch):
    where = "xdl.native.gemm"
    monkeypatch.setattr(f"{where}.is_known", lambda dtype: has_blocks)
    monkeypatch.setattr(f"{where}.matrix_product", lambda dtype: address)

    assert expected == _fastest("float32")
