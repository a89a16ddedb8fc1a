"""PyTorch's operator database: its samples and its error inputs, given to xdl."""

import warnings

import pytest

import xdl
from tests.oracle.comparison import (
    GRADIENT,
    ORDERS,
    VALUE,
    assert_same,
    in_torch,
    in_xdl,
    torch,
)
from tests.oracle.torch_counterparts import COUNTERPARTS, FURTHER_SAMPLES

pytest.importorskip("expecttest", reason="expecttest is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the database warns of its own past
    from torch.testing._internal.common_methods_invocations import op_db

ENTRIES = {f"{op.name}:{op.variant_test_name}".rstrip(":"): op for op in op_db}
ROWS = COUNTERPARTS + FURTHER_SAMPLES
USES = [(row, name) for row in ROWS for name in row.sample_names]


def _samples(orders, changed=lambda sample: sample):
    """Return a test parameter for each sample and each order of derivative."""
    found = []
    for row, name in USES:
        entry = ENTRIES[name]
        torch.manual_seed(0)
        samples = entry.sample_inputs("cpu", torch.float64, entry.supports_autograd)
        for i, sample in enumerate(map(changed, samples)):
            found += [
                pytest.param(
                    *(row, entry, sample, order),
                    id=f"{row.name}-{name}-{i}-{order}",
                    marks=_skipping(
                        row.differs.get(f"{name}-{i}")
                        or row.differs.get(f"{name} {order}")
                    ),
                )
                for order in (orders if entry.supports_autograd else orders[:1])
            ]
    return found


def _errors():
    """Return a test parameter for each input that is an error in PyTorch."""
    found = []
    for row, name in USES:
        entry = ENTRIES[name]
        errors = entry.error_inputs("cpu") if entry.error_inputs_func else ()
        for i, error in enumerate(errors):
            reason = row.differs.get(f"error {name}-{i}")
            reason = reason or _not_shared(row, error.sample_input)
            marks = _skipping(reason)
            found.append(
                pytest.param(row, error, id=f"{row.name}-{name}-{i}", marks=marks)
            )
    return found


def _not_shared(row, sample):
    """Return why an error input says nothing of xdl, or None."""
    if row.op_class is not None and any(
        isinstance(argument, int | float) for argument in (sample.input, *sample.args)
    ):
        return "xdl takes numbers where PyTorch needs tensors"
    if isinstance(sample.input, torch.Tensor) and sample.input.ndim > 64:
        return "NumPy has no arrays of more than 64 axes"
    return None


def _skipping(reason):
    return [pytest.mark.skip(reason=reason)] if reason else []


@pytest.mark.parametrize(("row", "entry", "sample", "order"), _samples(ORDERS))
def test_sample_gives_what_torch_gives(row, entry, sample, order, count_sample):
    arguments = (sample.input, *sample.args)
    count_sample(row.name)

    actual = in_xdl(order, row.call_xdl, *arguments, **sample.kwargs)

    assert_same(in_torch(order, entry.op, *arguments, **sample.kwargs), actual)


@pytest.mark.parametrize(
    ("row", "entry", "sample", "order"),
    _samples((VALUE, GRADIENT), lambda sample: sample.noncontiguous()),
)
def test_strided_sample_gives_what_torch_gives(row, entry, sample, order, count_sample):
    arguments = (sample.input, *sample.args)
    count_sample(row.name)

    actual = in_xdl(order, row.call_xdl, *arguments, is_strided=True, **sample.kwargs)

    assert_same(in_torch(order, entry.op, *arguments, **sample.kwargs), actual)


@pytest.mark.parametrize(("row", "error"), _errors())
def test_error_input_is_an_error_in_xdl_too(row, error, count_sample):
    sample = error.sample_input
    count_sample(row.name)

    with pytest.raises(xdl.XdlError):
        in_xdl(VALUE, row.call_xdl, sample.input, *sample.args, **sample.kwargs)
