"""Checkpoints: all that a training needs to go on, in one file."""

from __future__ import annotations

from typing import Any

from xdl.arguments import explained
from xdl.io import checkpoint
from xdl.typing import PathLike

__all__ = ["load", "save"]


@explained
def save(path: PathLike, /, **things: Any) -> None:
    """Write a checkpoint: models, optimizers and values, each under its own name.

    The file is replaced at once, when all is written and on the disk: a crash or a full
    disk leaves the old one as it was. Where the random draws stand is always saved too.

    Args:
        path: the file, a safetensors file by its format.
        **things: a Module, Parameter, Variable, optimizer, schedule, EMA,
            ``np.random.Generator`` or any object with ``state_dict()`` and
            ``load_state_dict(state)``, and best with ``misfits(state)``, which returns
            a list of what hinders that; or a value: a number, str, None or array, or
            dicts and lists of them.

    Raises:
        ArgumentError: a thing cannot be saved, or there is none.
        CheckpointError: a weight is NaN or infinite; ``path`` is no regular file.
        OSError: the file cannot be written. Whatever was raised, nothing has changed.

    Example:
        >>> import pathlib, tempfile, xdl
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "last.safetensors"
        >>> model = xdl.models.LinearModel(3, 2)
        >>> optimizer = xdl.optim.Adam(model)
        >>> xdl.save(path, model=model, optimizer=optimizer, epoch=7)
        >>> sorted(xdl.load(path))
        ['epoch', 'model', 'optimizer']
    """
    checkpoint.save(path, things)


@explained
def load(
    path: PathLike,
    /,
    *,
    random: bool = False,
    **things: Any,
) -> dict[str, Any]:
    """Read a checkpoint: give models and optimizers what was saved under their names.

    Every byte is checked, then whether all of it fits, and only then anything changes.
    Nothing in the file is run: it holds numbers and JSON.

    Args:
        path: a file that ``save`` wrote.
        random: go on with the random draws of xdl (dropout, initial weights) from where
            they stood; default False.
        **things: what to change in place, by the names that they were saved under: all
            that ``save`` takes but values.

    Returns:
        A dict of all that was saved under other names, as ``state_dict()`` returned it:
        NumPy arrays and values.

    Raises:
        ArgumentError: a thing cannot be loaded into.
        CheckpointError: the file is damaged or none that ``save`` wrote, or a name is
            missing or unknown or an array does not fit; one error lists all.
        OSError: the file cannot be opened.

    Example:
        >>> import pathlib, tempfile, xdl
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "last.safetensors"
        >>> model = xdl.models.LinearModel(3, 2)
        >>> xdl.save(path, model=model, epoch=7)
        >>> other = xdl.models.LinearModel(3, 2)
        >>> xdl.load(path, model=other, random=True)
        {'epoch': 7}
        >>> bool((other.W.numpy() == model.W.numpy()).all())
        True
        >>> xdl.load(path)["model"]["weight"].shape
        (3, 2)
    """
    return checkpoint.load(path, things, random)
