"""MultiHeadAttention trained beside PyTorch's from the same weights."""

import numpy as np

import xdl
from tests.oracle.comparison import torch

STEPS = 20


def test_multi_head_attention_trains_as_torch_does(rng):
    ours = xdl.nn.MultiHeadAttention(8, heads=2)
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.tensor(ours.projection.weight.numpy().T))
        theirs.in_proj_bias.zero_()
        theirs.out_proj.weight.copy_(torch.tensor(ours.output.weight.numpy().T))
        theirs.out_proj.bias.zero_()
    x = rng.standard_normal((3, 5, 8)).astype("f4")
    goal = rng.standard_normal((3, 5, 8)).astype("f4")
    optimizer = xdl.SGD(ours, lr=0.5)
    torch_optimizer = torch.optim.SGD(theirs.parameters(), lr=0.5)
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    tensors = torch.tensor(x), torch.tensor(goal)

    for _ in range(STEPS):
        loss = xdl.mean_squared_error(ours(x, causal=True), goal)
        loss.backward()
        optimizer.update()
        torch_optimizer.zero_grad()
        mixed, _ = theirs(tensors[0], tensors[0], tensors[0], attn_mask=later)
        torch_loss = torch.nn.functional.mse_loss(mixed, tensors[1])
        torch_loss.backward()
        torch_optimizer.step()

    np.testing.assert_allclose(loss.item(), torch_loss.item(), rtol=1e-4)
    np.testing.assert_allclose(
        ours.projection.weight.numpy().T,
        theirs.in_proj_weight.detach().numpy(),
        rtol=1e-3,
        atol=1e-5,
    )
