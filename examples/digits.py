"""Teach a linear model to read handwritten digits.

The program of "Implement a deep learning framework" (part 2): scikit-learn's 8 x 8
digits, one weight matrix, softmax cross-entropy, one sample at a time.

    python examples/digits.py                       # 40 epochs, a few seconds
    python examples/digits.py --plot digits.png     # and a picture of the result
    python examples/digits.py --seeds 5             # the mean over five seeds
    python examples/digits.py --executor numpy      # the step compiled: quicker
    XDL_DEVICE=cuda python examples/digits.py       # the same on a GPU
"""

import argparse
import math
import os
import sys
from pathlib import Path

import numpy as np
from compiling import add_executor, compiled
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import xdl


def load(seed):
    """Return training pixels, test pixels, training labels and test labels."""
    digits = load_digits()
    # The model computes in float32: cast once here, not at every step.
    pixels = (digits.data / 16).astype(np.float32)
    return train_test_split(pixels, digits.target, test_size=0.25, random_state=seed)


def new_step(model, optimizer):
    """Return a function that learns from a batch, and returns the loss."""

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return step


def train_epoch(step, x, target, batch_size):
    """Go once through the samples, in the order they come in."""
    for start in range(0, len(x), batch_size):
        batch = slice(start, start + batch_size)
        step(x[batch], target[batch])


def answer(model, x):
    """Return the digit that the model sees in each row of pixels."""
    with xdl.no_grad():
        return model.forward(x).numpy().argmax(axis=1)


def train(seed, options, prints=True):
    """Train a new model; print the accuracy on the test samples after each epoch.

    Returns:
        All accuracies; pixels and labels of the test samples; the answers to them.
    """
    train_x, test_x, train_target, test_target = load(seed)
    xdl.seed(seed)
    rng = np.random.default_rng(seed)
    model = xdl.LinearModel(train_x.shape[1], 10)
    optimizer = xdl.SGD(model.parameter, lr=options.lr)
    step = new_step(model, optimizer)
    step = compiled(step, model, optimizer, executor=options.executor)
    accuracies = []
    # disable=None: a progress bar where stdout is a terminal, and nowhere else.
    epochs = tqdm(range(options.epochs), file=sys.stdout, disable=None, leave=False)
    for epoch in epochs:
        order = rng.permutation(len(train_x))
        x, target = train_x[order], train_target[order]
        train_epoch(step, x, target, options.batch_size)
        answers = answer(model, test_x)
        accuracies.append(float((answers == test_target).mean()))
        if prints:
            tqdm.write(f"=== Epoch  {epoch:<2} Summary ===")
            tqdm.write(f"test accuracy  {accuracies[-1]}")
    return accuracies, test_x, test_target, answers


def train_seeds(options):
    """Train once for each seed; print the accuracies and their means."""
    ends = []
    for seed in range(options.seeds):
        accuracies, *_ = train(seed, options, prints=False)
        ends.append((accuracies[0], accuracies[-1]))
        print(f"seed {seed}  first {ends[-1][0]:.4f}  last {ends[-1][1]:.4f}")
    first, last = np.mean(ends, axis=0)
    print(f"mean test accuracy after epoch 0  {first:.4f}")
    print(f"mean test accuracy after epoch {options.epochs - 1}  {last:.4f}")


def number(kind, low, high=math.inf):
    """Return a function that reads a number of [low, high) for argparse."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value < high:
            needed = f"{kind.__name__} in [{low}, {high})"
            raise argparse.ArgumentTypeError(f"{text!r} came, needed {needed}")
        return value

    return read


def parse():
    """Return the options; a wrong one ends the program with a sentence."""
    parser = argparse.ArgumentParser(description="Teach a linear model to read digits.")
    add, whole = parser.add_argument, number(int, 1)
    add("--epochs", metavar="N", type=whole, default=40, help="default: 40")
    add("--batch-size", metavar="N", type=whole, default=1, help="default: 1")
    add("--lr", type=number(float, 0), default=0.01, help="default: 0.01")
    add_executor(parser)
    add("--plot", metavar="FILE", type=Path, help="draw a .png, .svg or .pdf picture")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--seed", metavar="N", type=number(int, 0, 2**32), default=0, help="default: 0")
    add("--seeds", metavar="N", type=whole, help="train with each of the seeds 0..N-1")
    options = parser.parse_args()
    if options.plot:
        check_picture(parser, options)
    try:
        xdl.device()
    except xdl.DeviceError as error:
        parser.error(str(error))
    return options


def check_picture(parser, options):
    """Refuse a picture that could not be drawn before the training, not after it."""
    path = options.plot
    if options.seeds:
        parser.error("argument --plot: one picture shows one seed; leave --seeds out")
    if path.suffix.lower() not in {".png", ".svg", ".pdf"}:
        parser.error(f"argument --plot: '{path}' came, needed a .png, .svg or .pdf")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        parser.error(f"argument --plot: '{path}' cannot be written")


def main():
    """Train as the options say, and draw the result if asked for."""
    options = parse()
    if options.plot:  # before the training, in case matplotlib is missing
        from plotting import draw
    if options.seeds:
        train_seeds(options)
        return
    result = train(options.seed, options)
    if options.plot:
        draw(options.plot, *result)


if __name__ == "__main__":
    main()
