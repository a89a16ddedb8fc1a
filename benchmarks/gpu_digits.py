"""A part of `benchmarks.gpu`: the digits step of xdl beside PyTorch's, both eager."""

import statistics
import time

import numpy as np

import xdl
from benchmarks.gpu import row

STEPS, ROUNDS, LR = 200, 7, 0.01


def digits():
    """Time the digits step, batches of 1 and of 32: xdl and PyTorch in turn."""
    rows = []
    for batch in (1, 32):
        contenders = {"xdl, CPU": _xdl_steps("cpu", batch)}
        contenders["xdl, GPU"] = _xdl_steps("cuda", batch)
        contenders |= _torch_steps(batch)
        times = in_turn(contenders)
        rows += [
            row(f"{name}, batch {batch}", times[name], "us a step")
            for name in contenders
        ]
        if "torch, GPU" in times:
            ratio = times["xdl, GPU"] / times["torch, GPU"]
            rows.append(row(f"xdl over torch on the GPU, batch {batch}", ratio, ""))
    return rows


def in_turn(contenders, steps=STEPS, rounds=ROUNDS):
    """Run each contender's round in turn; return the median microseconds of a step."""
    times = {name: [] for name in contenders}
    for run in contenders.values():
        run(5)  # kernels are compiled here
    for _ in range(rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            run(steps)
            times[name].append((time.perf_counter() - start) / steps * 1e6)
    return {name: statistics.median(spent) for name, spent in times.items()}


def _data(batch):
    rng = np.random.default_rng(0)
    images = rng.random((STEPS, batch, 64), dtype=np.float32)
    return images, rng.integers(0, 10, (STEPS, batch))


def _xdl_steps(device, batch):
    """Return ``run(steps)``: training steps on data that is on the device already."""
    where = xdl.backend.usable(device)
    images, labels = _data(batch)
    pairs = [
        (xdl.backend.asarray(x, where), xdl.backend.asarray(t, where))
        for x, t in zip(images, labels, strict=True)
    ]
    xdl.seed(0)
    with xdl.use_device(device):
        model = xdl.LinearModel(64, 10)
        optimizer = xdl.SGD(model.parameter, lr=LR)

    def run(steps):
        for x, t in pairs[:steps]:
            model.forward(x)
            model.loss(t)
            model.backward()
            optimizer.update()
        model.W.numpy()  # waits for the GPU

    return run


def _torch_steps(batch):
    try:
        import torch
    except ImportError:
        return {}
    images, labels = _data(batch)
    x = torch.from_numpy(images).cuda()
    t = torch.from_numpy(labels).cuda()
    weight = torch.nn.Parameter(torch.randn(64, 10, device="cuda") / 8)
    optimizer = torch.optim.SGD([weight], lr=LR)

    def run(steps):
        for i in range(steps):
            loss = torch.nn.functional.cross_entropy(x[i] @ weight, t[i])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        weight.detach().cpu()

    return {"torch, GPU": run}
