"""Handwritten digits read by a linear model, an MLP or a convolutional network.

python examples/digits_models.py --model cnn --epochs 20 --executor numpy
"""

import argparse
import sys

import numpy as np
from compiling import add_executor, compiled
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import trange

import xdl

MODELS = {
    "linear": lambda: xdl.LinearModel(64, 10),
    "mlp": lambda: xdl.models.MLP([64, 128, 128, 10], dropout=0.2),
    "cnn": lambda: xdl.models.LeNet(size=8, window=3, widths=(32, 64, 128, 64)),
}


def load(model, seed):
    """Return training and test digits, shaped for the model, and both labels."""
    pixels, labels = load_digits(return_X_y=True)
    shape = (-1, 1, 8, 8) if model == "cnn" else (-1, 64)
    x = (pixels / 16).astype("f4").reshape(shape)
    return train_test_split(x, labels, test_size=0.25, random_state=seed)


def train(model, x, target, options, batch_size=32):
    """Return the mean loss of each epoch; the learning rate falls to 0."""
    optimizer = xdl.optim.AdamW(model, lr=0.01)
    schedule = xdl.optim.CosineAnnealingLR(optimizer, options.epochs)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    step = compiled(step, model, optimizer, executor=options.executor)
    rng, losses = np.random.default_rng(options.seed), []
    for _ in trange(options.epochs, disable=not sys.stderr.isatty()):
        total, order = 0.0, rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            total += step(x[chosen], target[chosen]).item() * len(chosen)
        losses.append(total / len(x))
        schedule.step()
    return losses


def main():
    """Read the options, train, and try the model on digits that it has not seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="cnn")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    add_executor(parser)
    options = parser.parse_args()
    xdl.seed(options.seed)
    x_train, x_test, t_train, t_test = load(options.model, options.seed)
    model = MODELS[options.model]()
    losses = train(model, x_train, t_train, options)
    with xdl.no_grad():
        answers = model.eval().forward(x_test).numpy().argmax(axis=1)
    print(f"{options.model}: {model.parameter.size} weights")
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert len(losses) == 1 or losses[-1] < losses[0], "the loss did not fall"
    print("test accuracy", (answers == t_test).mean())


if __name__ == "__main__":
    main()
