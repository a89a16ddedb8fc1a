"""A file that is replaced at once: readers see the old one or the new one, whole."""

import contextlib
import errno
import os
import pathlib
import secrets
import shutil

from xdl.errors import CheckpointError

try:
    import fcntl
except ImportError:  # Windows: it has no such locks, and no folder to fsync
    fcntl = None

_PREFIX, _SUFFIX = ".xdl-", ".tmp"


@contextlib.contextmanager
def replacing(path):
    """Return a context with a file to write, which takes the place of ``path`` after.

    An exception in it, or a process that dies, leaves what was at ``path``. The next
    call removes what dead processes left in the folder.

    Yields:
        A file open for bytes.

    Raises:
        CheckpointError: there is something at ``path`` that is no regular file.
        OSError: the file cannot be written; it names ``path``.
    """
    target = _target(path)
    temporary = file = None
    try:
        _sweep(target.parent)
        temporary, file = _made(target.parent)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):  # there was none
                shutil.copymode(target, temporary)
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


def _made(folder):
    """Return the path of a new file and the file, open and locked."""
    while True:
        path = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        file = path.open("xb")
        if fcntl is None:
            return path, file
        if _is_locked(file) and path.exists():
            return path, file
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
        if path.name.startswith(_PREFIX) and path.name.endswith(_SUFFIX):
            # Another process may sweep too, or the file may be another user's.
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


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
