"""PyTorch's calls for the family random."""

from tests.ops.random.references import dropout_mask
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional


def _torch_dropout(x, **options):
    return x * torch.tensor(dropout_mask(x.shape, **options)).to(x.dtype)


ROWS = (Row("dropout", samples=(), as_torch=_torch_dropout),)
