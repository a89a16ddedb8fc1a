"""Convolutions in native code, beside products of matrices."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from xdl.backend import convolution as by_products
from xdl.native.convolution import Convolution, convolution
from xdl.native.gathered_blocks import GATHERED

pytestmark = pytest.mark.skipif(
    GATHERED["float32"][1] is None, reason="there are no blocks for this processor"
)
NAMES = ["convolution", "convolution_by_input", "convolution_by_weight"]
SIZES = [(7, 9), (1, 20), (33, 34)]
WINDOWS = [(3, 3), (1, 2), (1, 5)]
OPTIONS = [
    (stride, padding, dilation, groups)
    for stride in [(1, 1), (2, 1), (3, 2)]
    for padding in [(0, 0), (1, 1), (2, 3)]
    for dilation in [(1, 1), (2, 2)]
    for groups in [1, 2]
]
CASES = [
    (*case, channels)
    for case, channels in zip(
        itertools.product(SIZES, WINDOWS, OPTIONS),
        itertools.cycle([(1, 5), (3, 16), (8, 17), (17, 40)]),
        strict=False,
    )
    if min(by_products.counted(case[0], case[1], *case[2][:3])) > 0
]
SIMPLE = (1, 1), (1, 1), (1, 1), 1


def _given(size, window, options, channels, dtype="float32"):
    """Return the operands of the three, by name, and their results by products."""
    rng, (share, outs), groups = np.random.default_rng(3), channels, options[3]
    count = by_products.counted(size, window, *options[:3])
    shapes = [(3, *size, share * groups), (*window, share, outs * groups)]
    shapes += [(3, *count, outs * groups), (outs * groups,)]
    x, taps, g, bias = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    operands = [(x, taps, bias), (g, taps, size), (x, g, window)]
    given = dict(zip(NAMES, operands, strict=True))
    found = {n: getattr(by_products, n)(*given[n], options) for n in NAMES}
    return given, found


def _native(name, given, like, options):
    shapes = given[0].shape, given[1].shape, like.shape
    call = Convolution(name, shapes, options, str(like.dtype))
    arrays = given if name == "convolution" else given[:2]
    out = np.full_like(like, np.nan)
    return call(*arrays, out), out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("size", "window", "options", "channels"), CASES)
def test_native_code_makes_what_products_make(name, size, window, options, channels):
    given, found = _given(size, window, options, channels)

    done, out = _native(name, given[name], found[name], options)

    assert done
    scale = np.abs(found[name]).max(initial=1)
    np.testing.assert_allclose(out, found[name], atol=2e-6 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_native_code_keeps_the_digits_of_float64(name):
    given, found = _given((9, 8), (3, 3), SIMPLE, (8, 16), "float64")

    _, out = _native(name, given[name], found[name], SIMPLE)

    np.testing.assert_allclose(out, found[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_images_of_many_units_are_summed_as_others_are(name):
    given, found = _given((70, 40), (3, 3), SIMPLE, (32, 16))

    _, out = _native(name, given[name], found[name], SIMPLE)

    scale = np.abs(found[name]).max()
    np.testing.assert_allclose(out, found[name], atol=1e-5 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_an_operand_that_does_not_lie_densely_is_left_to_numpy(name):
    given, found = _given((7, 9), (3, 3), SIMPLE, (8, 16))
    turned = np.asfortranarray(given[name][0]), *given[name][1:]

    done, _ = _native(name, turned, found[name], SIMPLE)

    assert not done


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_a_tap_that_is_not_finite_is_left_to_numpy(special):
    given, found = _given((7, 9), (3, 3), SIMPLE, (8, 16))
    g, taps, size = given["convolution_by_input"]
    taps[1, 1, 0, 0] = special

    like = found["convolution_by_input"]
    done, _ = _native("convolution_by_input", (g, taps, size), like, SIMPLE)

    assert not done


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 4, 2**17, 8), "float32"),
        ((1, 4, 4, 8), "float16"),
        ((0, 4, 4, 8), "float32"),
    ],
)
def test_what_is_too_large_or_of_other_numbers_is_left_to_numpy(shape, dtype):
    x = np.broadcast_to(np.zeros((), dtype), shape)
    taps = np.zeros((3, 3, 8, 16), dtype)
    out = np.broadcast_to(np.zeros((), dtype), (*shape[:3], 16))

    assert convolution("convolution", (x, taps, None, SIMPLE), out) is None


REGISTERS = """
from xdl.native import gathered_blocks
from xdl.native.gemm_blocks import Registers
from xdl.native.intrinsics import SINGLE

shape = Registers(SINGLE, {bits}, {rows}, {vectors})
gathered_blocks.GATHERED["float32"] = SINGLE, shape
"""
BITS = """
import hashlib
import numpy as np
from xdl.backend import convolution as by_products
from xdl.native.convolution import Convolution

rng, digest = np.random.default_rng(0), hashlib.sha256()
x = rng.standard_normal((16, 16, 16, 16), np.float32)
taps = rng.standard_normal((3, 3, 16, 48), np.float32)
g = rng.standard_normal((16, 16, 16, 48), np.float32)
options = (1, 1), (1, 1), (1, 1), 1
for name, a, b, out in [
    ("convolution", x, taps, np.empty_like(g)),
    ("convolution_by_input", g, taps, np.empty_like(x)),
    ("convolution_by_weight", x, g, np.empty_like(taps)),
]:
    call = Convolution(name, (a.shape, b.shape, out.shape), options, "float32")
    bias = [None] if name == "convolution" else []
    assert call(a, b, *bias, out)
    third = {"convolution": None, "convolution_by_input": (16, 16)}.get(name, (3, 3))
    expected = getattr(by_products, name)(a, b, third, options)
    assert np.abs(out - expected).max() < 1e-5 * np.abs(expected).max()
    digest.update(out.tobytes())
print(digest.hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch):
    found = set()
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads)
        run = subprocess.run(
            [sys.executable, "-c", BITS], capture_output=True, text=True, check=True
        )
        found.add(run.stdout)

    assert len(found) == 1


@pytest.mark.parametrize(("bits", "rows", "vectors"), [(256, 6, 2), (512, 8, 3)])
def test_blocks_of_any_processor_make_it(bits, rows, vectors, tmp_path, monkeypatch):
    monkeypatch.setenv("XDL_CACHE", str(tmp_path))
    text = REGISTERS.format(bits=bits, rows=rows, vectors=vectors) + BITS

    subprocess.run([sys.executable, "-c", text], check=True)
