"""Entries: what is kept on disk for the next process, and whether to trust it.

The machine code in them is executed, so a folder that others could change is not used:
it must be this user's, and no other user may write to it or to a folder that leads to
it. That is what protects against others; the digest that each entry begins with finds
what a crash, a full disk or a failing one left behind.

Nothing here raises an error: what cannot be read is not there, and what cannot be
written is not kept. The folder is ``$XDL_CACHE``, else ``xdl`` in the user's folder for
caches. Windows tells no owner and no mode; the folder for caches is the user's there.
"""

import contextlib
import hashlib
import os
import pathlib
import stat
import sys
import warnings
from typing import Any

from xdl.replacing import UNTRUSTING, is_ours, replacing

_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_READ = os.O_RDONLY | UNTRUSTING | getattr(os, "O_BINARY", 0)
_warned_of: set[Any] = set()


def folder():
    """Return the folder that holds the entries."""
    chosen = os.environ.get("XDL_CACHE")
    if chosen:
        return pathlib.Path(chosen)
    if sys.platform == "win32":
        users = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        users = "~/Library/Caches"
    else:
        users = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(users).expanduser() / "xdl"


def read(name):
    """Return the bytes that were written under a name; None if they are not there."""
    try:
        place = _place()
        if _refusal(place):
            return None
        opened = os.open(place / name, _READ)
        with open(opened, "rb") as file:  # noqa: PTH123
            found = os.fstat(opened)
            is_kept = is_ours(found) and not found.st_mode & _OTHERS
            whole = file.read() if is_kept else b""
    except (OSError, RuntimeError, MemoryError):  # RuntimeError: no home
        return None
    payload = whole[hashlib.sha256().digest_size :]
    return payload if whole == _sealed(name, payload) else None


def write(name, payload):
    """Keep bytes under a name, if that is possible."""
    with contextlib.suppress(OSError, RuntimeError):
        place = _place()
        missing = [path for path in (place, *place.parents) if not path.exists()]
        if _refusal(place):
            return
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
        if not _refusal(place):  # nobody was quicker
            with replacing(place / name, 0o600) as file:
                file.write(_sealed(name, payload))


def warn_of_refusal():
    """Warn of a folder that is not used, once for each reason.

    It is for a moment at which nothing has changed yet: where warnings are errors, it
    raises one. ``read`` and ``write`` warn, too, of a folder that came since.
    """
    with contextlib.suppress(OSError, RuntimeError):
        _warn(_reason(_place()))


def _place():
    # Links are followed once, here, so that nobody can lead them elsewhere later.
    return pathlib.Path(os.path.realpath(folder()))


def _refusal(place):
    """Return why a folder is not used, and warn; an empty str if it is."""
    reason = _reason(place)
    with contextlib.suppress(Warning):
        _warn(reason)
    return reason


def _warn(reason):
    if reason and reason not in _warned_of:
        warnings.warn(reason, RuntimeWarning, stacklevel=2)
        _warned_of.add(reason)


def _reason(place):
    """Return what lets others change a folder that is there, or is to be made."""
    if os.name == "nt":
        return ""
    said = f"compile: {place}, the folder for compiled code, is not used:"
    remedy = "set XDL_CACHE to a folder that is yours alone"
    for path in (place, *place.parents):
        try:
            found = path.stat()
        except FileNotFoundError:  # it is not made yet
            continue
        owners = {os.geteuid()} if path == place else {os.geteuid(), 0}
        if found.st_uid not in owners:
            return f"{said} {path} belongs to another user; {remedy}"
        # Nobody can replace what is another's in a sticky folder, as the one for
        # temporary files is.
        is_sticky = path != place and found.st_mode & stat.S_ISVTX
        if found.st_mode & _OTHERS and not is_sticky:
            return f"{said} other users may write to {path}; {remedy}"
    return ""


def _sealed(name, payload):
    """Return a payload behind a digest of it and of the name that it stands under."""
    return hashlib.sha256(name.encode() + b"\0" + payload).digest() + payload
