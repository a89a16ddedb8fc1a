"""The one GPU of a process: chosen on the first use, and lost by a fork."""

import os

from xdl.backend.cuda.preflight import preflight
from xdl.errors import DeviceError


class OneGpu:
    """Which GPU this process computes on, once it is known to work.

    Args:
        cupy: the module.
    """

    def __init__(self, cupy):
        self._cupy = cupy
        self._in_use = []
        self._forks = []
        os.register_at_fork(after_in_child=self.note_fork)

    def require(self, chosen, who):
        """Make the GPU ``chosen`` the current one of this thread, if it works.

        Raises:
            DeviceError: a part is missing, and the text says which; or this process
                computes on another GPU already, or was forked from one that does.
        """
        came = f"{who}: {chosen} came"
        self.refuse_forked(came)
        if not self._in_use:
            preflight(self._cupy, chosen.index, came)
            self._in_use.append(chosen.index)
        elif self._in_use[0] != chosen.index:
            raise DeviceError(
                f"{came}, but this process computes on cuda:{self._in_use[0]}, needed "
                "one GPU a process; start another process for it"
            )
        self._cupy.cuda.Device(chosen.index).use()

    def refuse_forked(self, came):
        """Raise a DeviceError in a process forked from one that uses the GPU."""
        if self._forks:
            raise DeviceError(
                f"{came}, but this process was forked from one that uses the GPU, "
                "which CUDA does not allow; start it with multiprocessing's spawn "
                "method"
            )

    def note_fork(self):
        """Remember that this process is a child: what its parent uses is not its."""
        self._forks.extend(self._in_use)
