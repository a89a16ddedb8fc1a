"""Train a GPT or an LSTM on the docstrings of Python's own library; let it write.

python examples/characters.py --model lstm --steps 400
python examples/characters.py --executor numpy     # the step compiled: quicker
"""

import argparse
import importlib
import inspect
import sys

import numpy as np
from compiling import add_executor, compiled
from tqdm import trange

import xdl

MODULES = "argparse collections csv decimal json logging math random statistics string"
CONTEXT, BATCH = 64, 16
MODELS = {  # with their learning rates
    "gpt": (lambda n: xdl.models.GPT(n, CONTEXT, size=64, heads=4, layers=2), 0.003),
    "lstm": (lambda n: xdl.models.LSTMLanguageModel(n, size=128), 0.01),
}


def read_text():
    """Return the docstrings of some modules and of what is in them, as one string."""
    found = []
    for module in map(importlib.import_module, MODULES.split()):
        for thing in (module, *vars(module).values()):
            text = getattr(thing, "__doc__", None)
            if isinstance(text, str):
                found.append(inspect.cleandoc(text))
    return "\n\n".join(dict.fromkeys(found))


def batches(text, characters, options):
    """Yield (BATCH, CONTEXT) tokens and, shifted by one, what follows each."""
    tokens = np.array([characters.index(c) for c in text])
    rng = np.random.default_rng(options.seed)
    for _ in trange(options.steps, disable=not sys.stderr.isatty()):
        starts = rng.integers(0, len(tokens) - CONTEXT, BATCH)
        rows = tokens[starts[:, None] + np.arange(CONTEXT + 1)]
        yield rows[:, :-1], rows[:, 1:]


def train(model, lr, data, executor):
    """Return the loss of each step."""
    optimizer = xdl.optim.AdamW(model, lr=lr)

    def step(tokens, following):
        model.forward(tokens)
        loss = model.loss(following)
        model.backward()
        xdl.optim.clip_grad_norm(model, 1.0)
        optimizer.update()
        return loss

    step = compiled(step, model, optimizer, executor=executor)
    return [step(*batch).item() for batch in data]


def main():
    """Read the options, train, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="gpt")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    add_executor(parser)
    options = parser.parse_args()
    xdl.seed(options.seed)
    text = read_text()
    characters = sorted(set(text))
    make, lr = MODELS[options.model]
    model = make(len(characters))
    data = batches(text, characters, options)
    losses = train(model, lr, data, options.executor)
    print(f"{len(text)} characters, {model.parameter.size} weights")
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert len(losses) == 1 or losses[-1] < losses[0], "the loss did not fall"
    start = [characters.index(c) for c in "Return "]
    written = model.generate(start, 200, temperature=0.7, top_k=20)
    print("".join(characters[i] for i in written))


if __name__ == "__main__":
    main()
