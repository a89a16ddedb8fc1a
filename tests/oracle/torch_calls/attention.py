"""PyTorch's calls for the family attention."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional
# PyTorch's fused attention has no second derivative; the composed one has.
torch.backends.cuda.enable_flash_sdp(False)


def _torch_attention(q, k, v, mask=None, bias=None, is_causal=False, scale=None):
    attended = bias if mask is None else mask != 0
    if attended is not None and is_causal:  # PyTorch takes either
        later = torch.ones(attended.shape[-2:], dtype=torch.bool).triu(1)
        never = -torch.inf if attended.is_floating_point() else False
        attended, is_causal = attended.masked_fill(later, never), False
    return F.scaled_dot_product_attention(
        q, k, v, attended, is_causal=is_causal, scale=scale
    )


def _xdl_attention(q, k, v, attn_mask=None, is_causal=False, **options):
    if options.get("dropout_p") or options.get("enable_gqa"):
        pytest.skip("xdl.scaled_dot_product_attention has no dropout and no groups")
    return xdl.scaled_dot_product_attention(q, k, v, attn_mask, is_causal)


ROWS = (
    Row(
        "scaled_dot_product_attention", as_torch=_torch_attention, as_xdl=_xdl_attention
    ),
)
