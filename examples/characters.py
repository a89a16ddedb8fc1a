"""Train a small GPT on the docstrings of Python's standard library, and let it write.

python examples/characters.py --steps 400
"""

import argparse
import importlib
import sys

import numpy as np
from tqdm import trange

import xdl

MODULES = "argparse collections csv decimal json logging math random statistics string"
CONTEXT = 64


def read_text():
    """Return the docstrings of some modules and of what is in them, as one string."""
    found = []
    for name in MODULES.split():
        module = importlib.import_module(name)
        for thing in (module, *vars(module).values()):
            text = getattr(thing, "__doc__", None)
            if isinstance(text, str):
                found.append(text.strip())
    return "\n\n".join(dict.fromkeys(found))


def batches(text, characters, steps, batch_size, rng):
    """Yield (n, CONTEXT) tokens and, shifted by one, what follows each."""
    tokens = np.array([characters.index(c) for c in text])
    for _ in trange(steps, disable=not sys.stderr.isatty()):
        starts = rng.integers(0, len(tokens) - CONTEXT, batch_size)
        rows = tokens[starts[:, None] + np.arange(CONTEXT + 1)]
        yield rows[:, :-1], rows[:, 1:]


def train(model, steps, batch_size, text, characters, seed):
    """Return the loss of each step."""
    optimizer = xdl.optim.AdamW(model, lr=3e-3)
    losses = []
    rng = np.random.default_rng(seed)
    for tokens, following in batches(text, characters, steps, batch_size, rng):
        model.forward(tokens)
        losses.append(model.loss(following).item())
        model.backward()
        xdl.optim.clip_grad_norm(model, 1.0)
        optimizer.update()
    return losses


def main():
    """Read the options, train, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    xdl.seed(options.seed)
    text = read_text()
    characters = sorted(set(text))
    model = xdl.models.GPT(len(characters), CONTEXT, size=64, heads=4, layers=2)
    losses = train(
        model, options.steps, options.batch_size, text, characters, options.seed
    )
    print(f"{len(text)} characters, {model.parameter.size} weights")
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert losses[-1] < losses[0], "the loss did not fall"
    start = [characters.index(c) for c in "Return "]
    written = model.generate(start, 200, temperature=0.7, top_k=20)
    print("".join(characters[i] for i in written))


if __name__ == "__main__":
    main()
