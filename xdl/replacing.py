"""A file that is replaced at once: readers see the old one or the new one, whole."""

import contextlib
import errno
import os
import pathlib
import re
import secrets
import shutil
import stat

from xdl.errors import CheckpointError

try:
    import fcntl
except ImportError:  # Windows: it has no such locks, and no folder to fsync
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"\.xdl-[0-9a-f]{32}\.tmp")  # of our temporary files, and no others
# What another user puts in our way is neither followed nor waited for.
UNTRUSTING = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BYTES = getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def replacing(path, mode=0o666):
    """Return a context with a file to write, which takes the place of ``path`` after.

    An exception in it, or a process that dies, leaves what was at ``path``. The next
    call removes what dead processes left in the folder. The file has the mode of what
    it replaces, from its first byte on.

    Args:
        path: where to.
        mode: what others may do with it if there was none; the umask counts too.

    Yields:
        A file open for bytes.

    Raises:
        CheckpointError: there is something at ``path`` that is no regular file.
        OSError: the file cannot be written; it names ``path``.
    """
    target = _target(path)
    temporary = None
    try:
        _sweep(target.parent)
        temporary, file = _made(target, mode)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows moves no open file; elsewhere the lock lasts
            temporary.replace(target)
        _fsync_folder(target.parent)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = path
            del error.filename2  # what a move failed at is told by the first
        raise


def is_ours(found):
    """Tell whether a file is a regular one of this user's, by its ``os.stat``."""
    is_regular = stat.S_ISREG(found.st_mode)
    return is_regular and (fcntl is None or found.st_uid == os.geteuid())


def _target(path):
    """Return the Path of the file that a path leads to, through links."""
    try:
        target = pathlib.Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if target.exists() and not target.is_file():
            raise CheckpointError(f"save: {path}: it is no regular file")
    except ValueError as error:  # a NUL in the path
        raise CheckpointError(f"save: {path!r}: {error}") from None
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return target


def _made(target, mode):
    """Return the path of a new file and the file, open, locked, of the target's mode.

    Until it has that mode, its user alone can open it.
    """
    new = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BYTES
    mode = 0o600 if target.exists() else mode
    while True:
        path = target.parent / f".xdl-{secrets.token_hex(16)}.tmp"
        file = None
        try:
            file = open(os.open(path, new, mode), "wb")  # noqa: PTH123, SIM115
            if fcntl is None or (_is_locked(file) and path.exists()):
                with contextlib.suppress(FileNotFoundError):  # there is none
                    shutil.copymode(target, path)
                return path, file
        except BaseException:
            if file is not None:
                file.close()
            path.unlink(missing_ok=True)
            raise
        file.close()  # another process or thread sweeps it, or has swept it


def _is_locked(file):
    """Lock a file that is open; tell whether no other has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _sweep(folder):
    """Remove the temporary files of dead processes: those that nobody has locked."""
    if fcntl is None:
        return
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name):
            with contextlib.suppress(OSError):  # another process may sweep too
                _remove_unless_locked(path)


def _remove_unless_locked(path):
    opened = os.open(path, os.O_RDONLY | UNTRUSTING)
    try:
        if is_ours(os.fstat(opened)):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(opened)


def _fsync_folder(folder):
    """Let a crash of the machine after this not undo the replacement."""
    if fcntl is None:
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot
            raise
    finally:
        os.close(opened)
