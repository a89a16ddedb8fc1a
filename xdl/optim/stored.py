"""What optimizers and averages share: what is saved, and how it is loaded."""

from __future__ import annotations

from typing import Any

from xdl.core.parameter import refuse
from xdl.optim.ranges import Checked

_PARTS = ("hyperparameters", "state")


class Stored(Checked):
    """An object with options and a store of Variables.

    A subclass names in ``store`` the attribute that is the store, and defines
    ``look_again()``, which brings that up to date with the weights it is for.
    """

    store: str

    def look_again(self) -> None:
        """Have state for the weights that there are now; a subclass defines it."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return the hyperparameters, and the state as NumPy copies: all that is saved.

        Returns:
            A dict of two dicts: ``"hyperparameters"`` and ``"state"``.
        """
        self.look_again()
        state = getattr(self, self.store).state_dict()
        return dict(zip(_PARTS, (self.saved_options(), state), strict=True))

    def saved_options(self) -> dict[str, Any]:
        """Return the options as they are saved."""
        return self.options()

    def misfits(self, saved: Any) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        if not isinstance(saved, dict) or saved.keys() != set(_PARTS):
            came = list(saved) if isinstance(saved, dict) else type(saved).__name__
            return [f"{came} came, needed a dict of {' and '.join(_PARTS)}"]
        self.look_again()
        options, state = (saved[part] for part in _PARTS)
        return self.misfit_options(options) + getattr(self, self.store).misfits(state)

    def load_state_dict(self, saved: Any) -> None:
        """Take over what ``state_dict`` returned: all of it, or nothing.

        Raises:
            CheckpointError: a name is missing or unknown, or a value does not fit; one
                error lists all.
        """
        refuse(self, self.misfits(saved))
        options, state = (saved[part] for part in _PARTS)
        getattr(self, self.store).load_state_dict(state)
        self.take_options(options)
