"""Compile generated modules by Numba, and keep what was compiled on disk.

``load(source)`` runs the text of a module whose functions are marked ``@native``. The
machine code of each is kept under a digest of everything that decides what it becomes:
the text, its types, the processor, and all that compiles it. The next process reads it
in milliseconds instead of compiling for a second (``entries``).
"""

import contextlib
import functools
import hashlib
import linecache
import pathlib
import pickle
import sys
import types
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from numba.core import sigutils
from numba.core.caching import NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler, CompileResult, PassManager
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps

from xdl import forks
from xdl.native import entries

_acquire, _release = global_compiler_lock.acquire, global_compiler_lock.release
# What LLVM had done half would stay so in a child.
forks.wait(before=_acquire, after_in_parent=_release, after_in_child=_release)
_KEPT: dict[Any, Any] = {}  # functions that others are linked with
_NEEDLESS = frozenset(
    {
        "WithLifting",
        "InlineClosureLikes",
        "DeadBranchPrune",
        "MakeFunctionToJitFunction",
        "InlineInlinables",
        "FindLiterallyCalls",
        "LiteralUnroll",
        "LiteralPropagationSubPipelinePass",
        "InlineOverloads",
        "NopythonRewrites",
        "DumpParforDiagnostics",
    }
)


class _Lean(Compiler):
    """Numba's compiler, told that no two arguments share memory, and to do less.

    Without the first LLVM compares the addresses of all arrays before a loop, and does
    not vectorise at all from about a dozen arrays on (``benchmarks/native.py``). What
    is left out looks for what no text here has, for a tenth of the time.
    """

    def define_pipelines(self):
        self.state.flags.noalias = True
        lean = PassManager("xdl")
        for made, description in super().define_pipelines()[0].passes:
            if made.__name__ not in _NEEDLESS:
                lean.add_pass(made, description)
        lean.finalize()
        return [lean]


class _Kept(NullCache):
    """Where Numba looks for the machine code of a function, and puts it.

    Whatever goes wrong with it, Numba compiles.
    """

    def __init__(self, function, module):
        self._key = module, function.__qualname__

    def load_overload(self, sig, target_context):
        """Return a compiled function that was kept, or None."""
        target_context.refresh()
        with contextlib.suppress(Exception):
            kept = entries.read(self._name(sig, target_context.codegen()))
            if kept is not None:
                return CompileResult._rebuild(target_context, *pickle.loads(kept))
        return None

    def save_overload(self, sig, data):
        """Keep a compiled function."""
        with contextlib.suppress(Exception):
            if not data.lifted and not data.library.has_dynamic_globals:
                entries.write(self._name(sig, data.codegen), dumps(data._reduce()))

    def _name(self, sig, codegen):
        key = repr((*self._key, sig, codegen.magic_tuple()))
        return f"{hashlib.sha256(key.encode()).hexdigest()}.bin"


def native(function=None, *, inner=False, module=None, nogil=False):
    """Compile a function of arrays that share no memory with one another.

    Args:
        function: the function.
        inner: whether only compiled code calls it; it takes half the time to compile.
        module: a digest of all that decides what it becomes; then it is kept on disk.
        nogil: whether other threads may run meanwhile. For long calls: a short one
            that must wait to have the lock back becomes a long one.

    Returns:
        The compiled function; a decorator, if no function is given.
    """
    if function is None:
        return functools.partial(native, inner=inner, module=module, nogil=nogil)
    compiled = numba.njit(
        function,
        nogil=nogil,
        no_cfunc_wrapper=True,
        no_cpython_wrapper=inner,
        error_model="numpy",
        fastmath={"contract"},
        pipeline_class=_Lean,
    )
    if module is not None:
        compiled._cache = _Kept(function, module)
    return compiled


def callback(signature, *, module=None):
    """Compile a function that has an address, for others to be linked with.

    Args:
        signature: its types.
        module: a digest of all that decides what it becomes; then it is kept on disk.

    Returns:
        A decorator; what it returns has the attribute ``address``.
    """

    def compiled(function):
        types = sigutils.normalize_signature(signature)
        made = CFunc(function, types, locals={}, options={"error_model": "numpy"})
        if module is not None:
            made._cache = _Kept(function, module)
        made.compile()
        return made

    return compiled


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


@global_compiler_lock
def load(source):
    """Run the text of a module and return it, its machine code kept on disk.

    One thread does at a time, so others find a module when it is complete.

    Args:
        source: the text. It finds ``native`` and ``callback`` defined.

    Returns:
        The module.
    """
    digest = _digest(source)
    name = f"xdl_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    module = types.ModuleType(name)
    module.__file__ = f"<{name}>"
    for function in (native, callback):
        kept = functools.partial(function, module=digest)
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


@functools.cache
def _toolchain():
    """Return what decides, beside its text, what a module becomes."""
    ours = pathlib.Path(__file__).parent
    texts = [path.read_bytes() for path in sorted(ours.glob("*.py"))]
    texts.append((ours.parent / "backend" / "erf.py").read_bytes())
    versions = numba.__version__, llvmlite.__version__, np.__version__, sys.version
    return repr(versions).encode() + b"".join(texts)


def _digest(source):
    return hashlib.sha256(_toolchain() + source.encode()).hexdigest()[:24]
