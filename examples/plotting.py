"""Pictures of what models of digits have learned."""

import numpy as np
from matplotlib.figure import Figure  # without pyplot: needs no screen, keeps no state
from matplotlib.ticker import MaxNLocator

RIGHT, WRONG = "#1a7f37", "#c0261c"
ROWS, COLUMNS = 5, 6


def draw(path, accuracies, pixels, target, answers):
    """Draw sample digits with answers, the accuracy curve and the confusion matrix.

    Args:
        path: where to write; the ending says in which format.
        accuracies: one for each epoch.
        pixels: (n, 64), of the test samples.
        target: (n,), their labels.
        answers: (n,), what the model takes them for.
    """
    figure = Figure(figsize=(13, 8), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
    draw_samples(left, pixels, target, answers)
    curve, confusion = right.subplots(2, 1, height_ratios=(1, 1.75))
    draw_curve(curve, accuracies)
    draw_confusion(confusion, target, answers)
    figure.savefig(path, dpi=110)


def draw_samples(figure, pixels, target, answers):
    """Draw test digits with the model's answers; up to half of them are mistakes."""
    is_right = answers == target
    wrong = np.flatnonzero(~is_right)[: ROWS * COLUMNS // 2]
    right = np.flatnonzero(is_right)[: ROWS * COLUMNS - len(wrong)]
    figure.suptitle(
        f"Test digits and the answers to them: {len(wrong)} of the {np.sum(~is_right)} "
        f"mistakes,\nand {len(right)} of the {np.sum(is_right)} right answers"
    )
    axes = figure.subplots(ROWS, COLUMNS).ravel()
    for ax in axes:
        ax.axis("off")
    for ax, i in zip(axes, [*wrong, *right], strict=False):
        ax.imshow(pixels[i].reshape(8, 8), cmap="gray_r")
        if is_right[i]:
            ax.set_title(f"{answers[i]}", color=RIGHT, fontweight="bold")
        else:
            ax.set_title(
                f"{answers[i]}, not {target[i]}", color=WRONG, fontweight="bold"
            )


def draw_curve(ax, accuracies):
    """Draw the accuracy after each epoch."""
    ax.plot(accuracies, marker="o", markersize=3, color="#1f5fa8")
    ax.set(xlabel="epoch", ylabel="test accuracy")
    last = len(accuracies) - 1
    ax.set_title(f"Test accuracy: {accuracies[last]:.4f} after epoch {last}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(alpha=0.3)


def draw_confusion(ax, target, answers):
    """Draw how often each digit got each answer."""
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (target, answers), 1)
    ax.imshow(np.sqrt(counts), cmap="Blues")  # the root shows single mistakes too
    ax.set(xlabel="answer", ylabel="digit", xticks=range(10), yticks=range(10))
    ax.set_title(f"Confusion matrix of the {len(target)} test digits")
    for digit, answer in zip(*np.nonzero(counts), strict=True):
        count = counts[digit, answer]
        color = "white" if count > counts.max() / 3 else "black"
        ax.text(answer, digit, count, ha="center", va="center", color=color)


def draw_kinds(path, **kinds):
    """Draw sixty digits (n, 64) of each kind, side by side."""
    figure = Figure(figsize=(5 * len(kinds), 3.4), layout="constrained")
    axes = figure.subplots(1, len(kinds))
    for ax, (kind, pixels) in zip(axes, kinds.items(), strict=True):
        tiles = np.full((6, 10, 9, 10), pixels.min())  # with a margin around each
        tiles[:, :, :8, :8] = pixels[:60].reshape(6, 10, 8, 8)
        ax.imshow(tiles.swapaxes(1, 2).reshape(54, 100), cmap="gray_r")
        ax.set_title(kind)
        ax.axis("off")
    figure.savefig(path, dpi=110)
