"""The product in NumPy's own BLAS, found and called by address."""

import ctypes

import numpy as np
import pytest

from xdl.native import blas_library as blas


@pytest.fixture(autouse=True)
def forget():
    """Look anew in every test, and forget what it made be found."""
    blas.matrix_product.cache_clear()
    yield
    blas.matrix_product.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_found_in_numpys_wheels(dtype):
    build = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    if build != "scipy-openblas":
        pytest.skip("NumPy is not built as its wheels are")

    assert blas.matrix_product(dtype)


def test_it_is_none_if_no_library_has_it(monkeypatch):
    monkeypatch.setattr(blas, "_NAMES", ("no_{}gemm",))

    assert blas.matrix_product("float32") is None


def test_a_library_that_cannot_be_loaded_is_left_out(monkeypatch):
    def load(path):
        raise OSError(path)

    monkeypatch.setattr(ctypes, "CDLL", load)

    assert blas.matrix_product("float32") is None


def test_a_function_that_multiplies_otherwise_is_not_taken():
    does_nothing = ctypes.CFUNCTYPE(None)(lambda *_: None)

    assert not blas._multiplies(does_nothing, ctypes.c_float, "float32")
