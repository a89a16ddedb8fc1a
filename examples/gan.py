"""Two models in one graph: one draws handwritten digits, one tells them from real ones.

python examples/gan.py --steps 3000 --executor numpy --plot gan.png
"""

import argparse
import sys

import numpy as np
from compiling import add_executor, compiled
from sklearn.datasets import load_digits
from tqdm import trange

import xdl
from xdl.nn import BatchNorm1d, LeakyReLU, Linear, ReLU, Sequential, Tanh

NOISE, BATCH = 16, 64


def new_models():
    """Return a generator, of pixels in (-1, 1), and a discriminator."""
    generator = Sequential(
        *(Linear(NOISE, 128), BatchNorm1d(128), ReLU()),
        *(Linear(128, 128), BatchNorm1d(128), ReLU()),
        *(Linear(128, 64), Tanh()),
    )
    bend = LeakyReLU(negative_slope=0.2)
    layers = Linear(64, 128), bend, Linear(128, 128), bend, Linear(128, 1)
    return generator, Sequential(*layers)


def train(models, pixels, rng, options):
    """Let one learn to tell real from drawn digits, and the other to deceive it.

    Returns:
        The losses of the last step: of real digits, of drawn ones, of the deception.
    """
    generator, discriminator = models
    draws, tells = (xdl.optim.Adam(m, lr=5e-4, betas=(0.5, 0.99)) for m in models)
    loss = xdl.binary_cross_entropy_with_logits
    real, drawn = np.ones((BATCH, 1)), np.zeros((BATCH, 1))

    def step(digits, noise):
        fakes = generator(noise)
        of_real = loss(discriminator(digits), real)
        of_real.backward()
        of_drawn = loss(discriminator(fakes.detach()), drawn)
        of_drawn.backward()  # adds its gradients
        tells.update()
        deception = loss(discriminator(fakes), real)
        deception.backward()  # through one into the other
        draws.update()
        tells.zero_grad()  # that loss is not the discriminator's
        return of_real, of_drawn, deception

    step = compiled(step, *models, draws, tells, executor=options.executor)
    for _ in trange(options.steps, disable=not sys.stderr.isatty()):
        digits = pixels[rng.integers(0, len(pixels), BATCH)]
        losses = step(digits, rng.standard_normal((BATCH, NOISE)))
    return [loss.item() for loss in losses]


def distances(a, b):
    """Return how far the means and the covariances of two sets of digits are apart."""
    means = np.linalg.norm(a.mean(axis=0) - b.mean(axis=0))
    return np.array([means, np.linalg.norm(np.cov(a.T) - np.cov(b.T))])


def main():
    """Read the options, train, and compare what is drawn with the digits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw digits of both kinds")
    add_executor(parser)
    options = parser.parse_args()
    if options.plot:  # before the training, in case matplotlib is missing
        from plotting import draw_kinds
    xdl.seed(options.seed)
    rng = np.random.default_rng(options.seed)
    pixels = rng.permutation(load_digits().data / 8 - 1).astype("f4")
    models = new_models()
    noise = rng.standard_normal((1000, NOISE))
    before = distances(models[0](noise).numpy(), pixels)
    losses = train(models, pixels, rng, options)
    drawn = models[0].eval()(noise).numpy()
    after = distances(drawn, pixels)
    print("losses", np.round(losses, 3))
    print("means and covariances apart", before.round(2), "->", after.round(2))
    print("two halves of the real digits", distances(*np.split(pixels[1:], 2)).round(2))
    assert (after < before).all(), "what is drawn came no nearer to the digits"
    if options.plot:
        draw_kinds(options.plot, drawn=drawn, real=pixels)


if __name__ == "__main__":
    main()
