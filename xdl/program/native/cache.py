"""Compile generated modules by Numba, and keep what was compiled on disk.

``load(source)`` runs the text of a module whose functions are marked ``@native``. The
text is kept as a file, named by a digest of itself and of everything else that decides
what it becomes, and Numba puts its machine code beside it: the next process reads it in
milliseconds instead of compiling for a second. Numba tells processors apart by itself.

Files appear whole or not at all, so processes may race. The folder is
``$XDL_CACHE``, else ``xdl`` in the user's folder for caches; if it cannot be written
to, everything works without it. No other folder is tried: what lies there is executed.
"""

import functools
import hashlib
import linecache
import os
import pathlib
import platform
import sys
import tempfile
import types

import llvmlite.binding
import numba
from numba.core.compiler import Compiler

_KEPT = {}  # functions that others are linked with


class _NoOverlap(Compiler):
    """Numba's compiler, told that no two arguments share memory.

    Without it LLVM compares the addresses of all arrays before a loop, and does not
    vectorise at all from about a dozen arrays on (``benchmarks/native.py``).
    """

    def define_pipelines(self):
        self.state.flags.noalias = True
        return super().define_pipelines()


def native(function=None, *, inner=False, cache=False, nogil=False):
    """Compile a function of arrays that share no memory with one another.

    Args:
        function: the function.
        inner: whether only compiled code calls it; it takes half the time to compile.
        cache: whether to keep the machine code beside the function's file.
        nogil: whether other threads may run meanwhile. For long calls: a short one
            that must wait to have the lock back becomes a long one.

    Returns:
        The compiled function; a decorator, if no function is given.
    """
    return numba.njit(
        function,
        cache=cache,
        nogil=nogil,
        no_cfunc_wrapper=True,
        no_cpython_wrapper=inner,
        error_model="numpy",
        fastmath={"contract"},
        pipeline_class=_NoOverlap,
    )


def callback(signature, *, cache=False):
    """Compile a function that has an address, for others to be linked with.

    Args:
        signature: its types.
        cache: whether to keep the machine code beside the function's file.

    Returns:
        A decorator; what it returns has the attribute ``address``.
    """
    return numba.cfunc(signature, cache=cache, error_model="numpy")


def linked(name, address, signature, keeps=None):
    """Make the function at an address known by a name.

    Args:
        name: the name.
        address: the address.
        signature: the types of the function.
        keeps: what is to live as long as the process, as the code at the address.

    Returns:
        The function for compiled code to call. That may be kept on disk, but when it is
        read, the name must be known.
    """
    _KEPT[name] = keeps
    llvmlite.binding.add_symbol(name, address)
    return numba.types.ExternalFunction(name, signature)


def load(source):
    """Run the text of a module and return it, its machine code kept on disk.

    Args:
        source: the text. It finds ``native`` and ``callback`` defined.

    Returns:
        The module.
    """
    name = f"xdl_{_digest(source)}"
    if name in sys.modules:
        return sys.modules[name]
    path = _keep(name, source)
    module = types.ModuleType(name)
    module.__file__ = str(path or f"<{name}>")
    for function in (native, callback):
        kept = functools.partial(function, cache=path is not None)
        vars(module)[function.__name__] = kept
    # Tracebacks and Numba read the lines of a module that is in no file from here.
    lines = source.splitlines(keepends=True)
    linecache.cache[module.__file__] = (len(source), None, lines, module.__file__)
    sys.modules[name] = module  # Numba finds the module of cached code by its name
    try:
        exec(compile(source, module.__file__, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def folder():
    """Return the folder that holds the cache."""
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


@functools.cache
def _toolchain():
    """Return what decides, beside its text, what a module becomes."""
    ours = pathlib.Path(__file__).parent
    texts = [path.read_bytes() for path in sorted(ours.glob("*.py"))]
    texts.append((ours.parents[1] / "backend" / "erf.py").read_bytes())
    versions = numba.__version__, llvmlite.__version__, platform.python_version()
    return repr(versions).encode() + b"".join(texts)


def _digest(source):
    return hashlib.sha256(_toolchain() + source.encode()).hexdigest()[:24]


def _keep(name, source):
    """Return the file that holds a text, written if need be; None if it cannot be."""
    try:
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = place / f"{name}.py"
        if path.exists() and path.read_text(encoding="utf-8") == source:
            return path if os.access(place, os.W_OK) else None
        handle, temporary = tempfile.mkstemp(dir=place, suffix=".tmp")
    except (OSError, RuntimeError):  # RuntimeError: no home
        return None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        # Numba asks the file's time whether the code is stale: the same in all writers.
        os.utime(temporary, (0, 0))
        pathlib.Path(temporary).replace(path)
    except OSError:
        pathlib.Path(temporary).unlink(missing_ok=True)
        return None
    return path
