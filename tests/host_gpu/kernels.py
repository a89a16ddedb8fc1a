"""Compile the source of kernels: NVRTC judges it for a real GPU, g++ makes it run here.

A copy of this file stands beside CuPy's ``cuda/compiler.py``, whose last line calls
``install``. What is compiled is kept by its text, in ``$HOST_GPU/kernels``; each
process lists what it met in ``$HOST_GPU_MET/<its number>``, where that is given.
"""

import functools
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess

# What is compiled for every kernel; HOST_GPU_ARCHS names them, the first is judged.
ARCHS = os.environ.get("HOST_GPU_ARCHS", "90").split(",")
FLAGS = (
    *("-std=c++17", "-O1", "-fPIC", "-ffp-contract=off", "-fwhole-program"),
    *("-fno-exceptions", "-fno-rtti", "-fno-stack-protector", "-fcf-protection=none"),
    *(
        "-fpermissive",
        "-w",
        "-fno-asynchronous-unwind-tables",
        "-D__CUDACC_VER_MAJOR__=13",
        "-D__CUDACC_VER_MINOR__=0",
    ),
)
_KERNEL = re.compile(
    r"__global__\s+(?:__launch_bounds__\([^)]*\)\s*)?void\s+"
    r"(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\("
)
_BARRIER = re.compile(r"__sync(?:threads|warp)|__shfl|__(?:any|all|ballot)_sync")
_DYNAMIC = re.compile(
    r"extern\s+__shared__\s+(?:__align__\([^)]*\)\s*)?([\w ]+?)\s+(\w+)\s*\[\s*\]\s*;"
)
_USED = re.compile(r"Used (\d+) registers")
_SPILLED = re.compile(r"(\d+) bytes spill stores")


def install(compiler):
    """Replace what CuPy's ``compiler`` (its globals) calls NVRTC with."""
    name = "_compile_using_nvrtc_no_warning"
    compiler[name] = functools.partial(compiled, compiler[name])


def compiled(nvrtc, source, options=(), arch=None, *arguments, **named):
    """Return the path of a shared object as the "binary", and no changed names.

    Args:
        nvrtc: CuPy's function, called with the same arguments.
        source: CUDA C++.
        options: of NVRTC.
        arch: of the GPU, which the host GPU says to be the first of ARCHS.
        arguments: are handed to NVRTC.
        named: the same.

    Raises:
        CompileException: NVRTC's own.
        RuntimeError: g++ refuses what NVRTC took.
    """
    if named.get("name_expressions") or any(arguments[1:2]):
        raise NotImplementedError("host GPU: it has no templates of kernels")
    home = pathlib.Path(os.environ["HOST_GPU"])
    # Options that name folders say where headers are, not what comes of them.
    said = (option for option in options if not option.startswith("-I"))
    text = "\0".join((source, *said))
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    for arch in ARCHS:
        record = home / "kernels" / f"{key}.sm_{arch}.json"
        if not record.exists():
            _write(record, json.dumps(judged(nvrtc, source, options, arch, key)))
        _note(record)
    path = home / "kernels" / f"{key}.so"
    if not path.exists():
        on_host(source, path, home)
    return str(path).encode() + b"\0", None


def judged(nvrtc, source, options, arch, key):
    """Return what NVRTC says of a source: the registers and the bytes that spill."""
    log = io.StringIO()
    options = (*options, "--ptxas-options=-v")
    nvrtc(source, options, arch, f"{key}.cu", None, log, True)
    text = log.getvalue()
    return {
        "names": _KERNEL.findall(source),
        "registers": max(map(int, _USED.findall(text)), default=0),
        "spills": max(map(int, _SPILLED.findall(text)), default=0),
    }


def on_host(source, path, home):
    """Compile a source to a shared object of the host, at ``path``."""
    has_barriers = "true" if _BARRIER.search(source) else "false"
    # Shared memory whose size the launch gives becomes one buffer of the greatest size.
    text = _DYNAMIC.sub(
        r"static char host_gpu_dynamic_\2[1 << 18]; \1* \2 = (\1*)host_gpu_dynamic_\2;",
        source,
    )
    calls = [
        f"HOST_GPU_KERNEL({name}, {has_barriers})"
        for name in dict.fromkeys(_KERNEL.findall(source))
    ]
    cpp = path.with_suffix(f".{os.getpid()}.cpp")
    cpp.write_text("\n".join(('#include "device.h"', text, *calls, "")))
    made = path.with_suffix(f".{os.getpid()}.so")
    includes = (home / "includes").read_text().split()
    link = ("-shared", "-nostartfiles", f"-L{home / 'lib'}", "-l:libcuda.so.1")
    command = ["g++", *FLAGS, *includes, str(cpp), "-o", str(made), *link]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"host GPU: g++ refuses {cpp}:\n{done.stderr[:3000]}")
    cpp.unlink()
    made.replace(path)


def _write(path, text):
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(text)
    part.replace(path)


def _note(record):
    """Add a record to the list of what this process met."""
    folder = os.environ.get("HOST_GPU_MET")
    if folder:
        with (pathlib.Path(folder) / str(os.getpid())).open("a") as met:
            met.write(f"{record}\n")
