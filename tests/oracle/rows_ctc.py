"""The row of CTC: PyTorch's own loss, and the sum over every path for its gradients."""

import xdl
from tests.oracle.comparison import torch
from tests.oracle.counterpart import Counterpart as Row
from tests.support.references_ctc import paths

_NO_PATH = "an empty sum has no gradient; PyTorch's own loss gives NaN, as xdl does"


def _xdl_ctc_loss(x, *args, **options):
    """Call xdl; PyTorch's gradient is that of the scores before ``log_softmax``."""
    return xdl.ctc_loss(xdl.log_softmax(x), *args, **options)


def _torch_ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """Add up every path, so that PyTorch differentiates the loss as it is written."""
    losses = []
    for i, (time, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        found = paths(time, log_probs.shape[2], targets[i, :count].tolist(), blank)
        times = torch.arange(int(time))
        sums = [log_probs[times, i, list(path)].sum() for path in found]
        least = 0.0 if zero_infinity else torch.inf
        loss = -torch.stack(sums).logsumexp(0) if found else log_probs.new_tensor(least)
        losses.append(loss)
    losses = torch.stack(losses)
    if reduction == "mean":
        return (losses / target_lengths.clamp_min(1)).mean()
    return losses.sum() if reduction == "sum" else losses


ROWS = (
    Row(
        "ctc_loss",
        "nn.functional.ctc_loss",
        as_xdl=_xdl_ctc_loss,
        as_torch=_torch_ctc_loss,
        differs={
            "case 6 gradient": _NO_PATH,
            "case 6 second_gradient": _NO_PATH,
            "nn.functional.ctc_loss second_gradient": "PyTorch has none",
        },
    ),
)
