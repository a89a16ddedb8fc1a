"""Many models as one: a grid of candidates and folds, and a step's members by hand.

python examples/many_models.py --rates 10 --alphas 6 --folds 5 --plot many_models.png
"""

import argparse
import importlib.util
import pathlib
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import xdl
from xdl.sklearn import GridSearchCV, MLPClassifier

EXECUTOR = "numba" if importlib.util.find_spec("numba") else "numpy"
BATCH = 64


def search(options, pixels, labels):
    """Look for a rate and a penalty: all candidates on all folds at once."""
    network = MLPClassifier(
        (100,),
        batch_size=BATCH,
        max_iter=options.epochs,
        random_state=options.seed,
        executor=EXECUTOR,
    )
    grid = {
        "alpha": np.geomspace(1e-4, 10, options.alphas).tolist(),
        "learning_rate_init": np.geomspace(1e-4, 0.1, options.rates).tolist(),
    }
    found = GridSearchCV(network, grid, cv=options.folds, n_jobs=options.jobs)
    found.fit(pixels, labels)
    fits = len(found.cv_results_["params"]) * options.folds
    best = ", ".join(
        f"{name}={value:.4g}" for name, value in found.best_params_.items()
    )
    print(f"{fits} fits: accuracy {found.best_score_:.4f} with {best}")
    return found


def perceptron(seed):
    """Return a perceptron whose weights are drawn from a seed."""
    xdl.seed(seed)
    return xdl.models.MLP([64, 100, 10])


def train(options, pixels, labels):
    """Train networks with rates and batches of their own; return their losses."""
    model = perceptron(options.seed)
    optimizer = xdl.optim.Adam(model)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    rates = np.geomspace(1e-4, 0.1, options.rates)
    many = xdl.compile(step, model, optimizer, executor=EXECUTOR).members(len(rates))
    generators = []
    for i, rate in enumerate(rates):
        with many.member(i):  # the model and the optimizer are those of member i
            model.load_state_dict(perceptron(options.seed + i).state_dict())
            optimizer.lr = float(rate)
        generators.append(np.random.default_rng(options.seed + i))
    count = len(pixels) // BATCH
    losses = []
    for _ in range(options.epochs):
        orders = [rng.permutation(len(pixels))[: count * BATCH] for rng in generators]
        rows = [order.reshape(count, BATCH) for order in orders]
        losses.append([one.numpy().mean() for one in many.over(rows, pixels, labels)])
    best = int(np.argmin(losses[-1]))
    with many.member(best):
        model.eval()
        right = (model(pixels).numpy().argmax(axis=1) == labels).mean()
    print(
        f"{len(rates)} members: the rate {rates[best]:.4g} learns {right:.4f} by heart"
    )
    return rates, np.array(losses)


def draw(path, found, rates, losses):
    """Draw the accuracies of the grid, and the losses of the members."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.8), layout="constrained")
    grid, curves = figure.subplots(1, 2)
    alphas, steps = found.param_grid.values()
    scores = found.cv_results_["mean_test_score"].reshape(len(alphas), len(steps))
    image = grid.imshow(scores, cmap="Blues", vmin=scores.min() - 0.1, vmax=1.05)
    figure.colorbar(image, label="accuracy")
    grid.set_xticks(range(len(steps)), [f"{rate:.1g}" for rate in steps])
    grid.set_yticks(range(len(alphas)), [f"{alpha:.1g}" for alpha in alphas])
    grid.set(xlabel="learning_rate_init", ylabel="alpha")
    grid.set_title("Accuracies of the grid")
    colors = colormaps["viridis"](np.linspace(0, 0.9, len(rates)))
    for rate, loss, color in zip(rates, losses.T, colors, strict=True):
        curves.plot(loss, color=color, label=f"lr {rate:.1g}")
    curves.set(yscale="log", xlabel="epoch", ylabel="loss", title="Losses of members")
    curves.legend(ncols=2)
    figure.savefig(path, dpi=110)


def main():
    """Read the options, and run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=int, default=4)
    parser.add_argument("--alphas", type=int, default=3)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=None, help="how many threads")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=pathlib.Path, help="a picture to write")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs are meant
    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16).astype(np.float32)
    found = search(options, pixels, labels)
    rates, losses = train(options, pixels, labels)
    if options.plot:
        draw(options.plot, found, rates, losses)


if __name__ == "__main__":
    main()
