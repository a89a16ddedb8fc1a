"""Make the host GPU from CuPy's wheel and sdist, once for each version of anything.

CuPy's wheel holds CUDA's runtime and Thrust inside two of its compiled modules; these
two are compiled again, against the files of ``cuda/``, and stand with links to all the
rest of the wheel in a folder that PYTHONPATH names before the wheel. Libraries that
CuPy loads by their names (libcuda, libcublas) stand in one that LD_LIBRARY_PATH names.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile

from tests.host_gpu.kernels import FLAGS

HERE = pathlib.Path(__file__).parent
NEEDED = ("cupy-cuda13x", "cython", "nvidia-cuda-nvrtc", "nvidia-cuda-runtime")
# From a module of CuPy's that is compiled again to its source and what it is made of.
REBUILT = {
    "cupy_backends.cuda.api.runtime": "runtime.cpp",
    "cupy.cuda.thrust": "thrust.cpp",
}
NOT_SUPPORTED = {"cuda": 801, "cublas": 15}  # CUDA's and cuBLAS's numbers for it


class CannotBuildError(Exception):
    """Why there is no host GPU here."""


def environment(home):
    """Return the variables under which Python finds the host GPU of a folder."""
    return {
        "HOST_GPU": str(home),
        "LD_LIBRARY_PATH": _before(home / "lib", "LD_LIBRARY_PATH"),
        "PYTHONPATH": _before(home / "site", "PYTHONPATH"),
        "CUPY_ACCELERATORS": "",  # CUB is not there
        "CUPY_CACHE_IN_MEMORY": "1",  # kernels.py keeps what it compiles
        "CUPY_NVRTC_USE_PCH": "1",
    }


def _before(folder, variable):
    given = os.environ.get(variable)
    parts = [part for part in (given or "").split(os.pathsep) if part != str(folder)]
    return os.pathsep.join([str(folder), *filter(None, parts)])


def built(cache=None):
    """Return the folder of the host GPU; make it first where it is not there.

    Args:
        cache: where it is kept, ``$HOST_GPU_CACHE`` or a folder of the user's by
            default.

    Raises:
        CannotBuildError: with the reason.
    """
    refuse()
    cache = pathlib.Path(cache or _cache())
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"cupy-{_version('cupy-cuda13x')}-{_key()}"
    if not (home / "includes").exists():
        with (cache / f"{home.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes it, the others wait
            _make_unless_made(home)
    return home


def refuse():
    """Raise CannotBuildError if something that the host GPU is made of is missing."""
    needed = (*NEEDED, "nvidia-cuda-crt")
    missing = [name for name in needed if not _version(name)]
    if missing:
        raise CannotBuildError(f"not installed: {', '.join(missing)}")
    if not shutil.which("g++"):
        raise CannotBuildError("there is no g++")
    if (sys.platform, os.uname().machine) != ("linux", "x86_64"):
        raise CannotBuildError(f"{sys.platform} came; it runs on Linux on x86-64")


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cache():
    given = os.environ.get("HOST_GPU_CACHE")
    if given:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "xdl-host-gpu"


def _key():
    """Return a text that differs where anything that it is made of does."""
    parts = [sys.prefix, sys.version, *FLAGS, *map(_version, NEEDED)]
    files = (*HERE.glob("cuda/**/*.*"), HERE / "build.py", HERE / "kernels.py")
    parts += [path.read_text() for path in sorted(files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _kernels_key():
    """Return a text that differs where what becomes of a kernel does."""
    parts = [*FLAGS, *map(_version, NEEDED), (HERE / "cuda" / "device.h").read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _make_unless_made(home):
    if (home / "includes").exists():
        return
    # In its own place from the start, for the precompiled header remembers it.
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    try:
        with tempfile.TemporaryDirectory() as work:
            _make(home, pathlib.Path(work))
    except subprocess.CalledProcessError as error:
        text = f"{error.cmd[0]} failed: {(error.stderr or error.stdout)[-3000:]}"
        raise CannotBuildError(text) from error


def _make(home, work):
    """Fill ``home``; its file ``includes`` comes last, and says that all is there."""
    wheel = pathlib.Path(importlib.util.find_spec("cupy").origin).parents[1]
    sources = _sdist(work)
    cuda = wheel / "nvidia" / "cu13" / "include"
    cupy = wheel / "cupy" / "_core" / "include"
    cccl = [cupy / "cupy" / "_cccl" / part for part in ("libcudacxx", "thrust", "cub")]
    includes = [f"-I{path}" for path in (home, cuda, cupy)]
    includes += [f"-I{path}" for path in cccl]
    _libraries(home / "lib", wheel, includes)
    _site(home / "site", wheel)
    for module, own in REBUILT.items():
        _rebuild(home, sources, module, own, includes, work)
    kernels = home.parent / "kernels" / _kernels_key()
    kernels.mkdir(parents=True, exist_ok=True)
    (home / "kernels").symlink_to(kernels)  # another build of the same finds them
    header = home / "device.h"
    shutil.copy(HERE / "cuda" / "device.h", header)
    _run("g++", *FLAGS, *includes, "-x", "c++-header", header, "-o", f"{header}.gch")
    (home / "includes").write_text("\n".join(includes))


def _run(*command, **options):
    command = [str(part) for part in command]
    subprocess.run(command, check=True, capture_output=True, text=True, **options)


def _sdist(work):
    """Return the folder of CuPy's sources: from PyPI, by pip."""
    version = _version("cupy-cuda13x")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary"]
    stub = {**os.environ, "CUPY_INSTALL_USE_STUB": "1"}  # metadata without a CUDA
    _run(*command, "cupy", f"cupy=={version}", "--dest", work, env=stub)
    with tarfile.open(work / f"cupy-{version}.tar.gz") as archive:
        archive.extractall(work, filter="data")
    return work / f"cupy-{version}"


def _shared(includes, files, target, *options):
    """Compile C++ to a shared library."""
    flags = ["-std=c++17", "-O2", "-fPIC", "-shared", "-w", f"-I{HERE / 'cuda'}"]
    _run("g++", *flags, *includes, *files, "-o", target, *options)


def _libraries(folder, wheel, includes):
    """Make the libraries that CuPy loads by their names."""
    folder.mkdir()
    source, driver = HERE / "cuda", ("-L", folder, "-l:libcuda.so.1")
    files = [source / "driver.cpp", source / "threads.cpp"]
    _shared(
        includes, files, folder / "libcuda.so.1", "-ldl", "-Wl,-soname,libcuda.so.1"
    )
    wrapper = next((wheel / "cupy_backends" / "cuda" / "libs").glob("cublas.*.so"))
    absent = folder / "absent.cpp"
    absent.write_text(_absent("cublas", wrapper, source / "cublas.cpp"))
    versions = folder / "versions"
    versions.write_text("libcublas.so.13 { global: *; };\n")
    script = f"-Wl,--version-script={versions}"
    files = [source / "cublas.cpp", absent]
    _shared(includes, files, folder / "libcublas.so.13", "-O3", script, *driver)
    lt = folder / "libcublasLt.so.13"
    _shared(includes, [source / "cublaslt.cpp"], lt, *driver)


def _absent(prefix, binary, own):
    """Return C++ of a function that fails for each one that ``own`` does not define."""
    done = subprocess.run(
        ["nm", "-u", str(binary)], check=True, capture_output=True, text=True
    )
    wanted = set(re.findall(rf"\bU ({prefix}\w+)", done.stdout))
    wanted -= set(re.findall(rf"\b({prefix}\w+)\(", own.read_text()))
    status = NOT_SUPPORTED[prefix]
    return "".join(
        f'extern "C" int {name}() {{ return {status}; }}\n' for name in sorted(wanted)
    )


def _site(folder, wheel):
    """Link to the packages of the wheel, with room for what is made anew."""
    own = ["cupy/cuda/compiler.py"]
    for module in REBUILT:
        path = module.replace(".", "/")
        own += [f"{found.relative_to(wheel)}" for found in wheel.glob(f"{path}.*.so")]
    _link(folder / "cupy", wheel / "cupy", wheel, own)
    _link(folder / "cupy_backends", wheel / "cupy_backends", wheel, own)
    compiler = (wheel / "cupy" / "cuda" / "compiler.py").read_text()
    compiler += "\nfrom cupy.cuda import _host_gpu\n_host_gpu.install(globals())\n"
    (folder / "cupy" / "cuda" / "compiler.py").write_text(compiler)
    shutil.copy(HERE / "kernels.py", folder / "cupy" / "cuda" / "_host_gpu.py")


def _link(target, source, wheel, own):
    """Link to each part of a folder, and to none of the files ``own``."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        name = str(path.relative_to(wheel))
        if any(part.startswith(name + "/") for part in own):
            _link(target / path.name, path, wheel, own)
        elif name not in own and path.name != "__pycache__":
            (target / path.name).symlink_to(path)


def _rebuild(home, sources, module, own, includes, work):
    """Compile one of CuPy's modules against the host's CUDA."""
    path = module.replace(".", "/")
    cpp = work / f"{module}.cpp"
    _run(sys.executable, "-c", _CYTHONIZE, f"{path}.pyx", cpp, cwd=sources)
    python = f"-I{sysconfig.get_paths()['include']}"
    own_headers = [f"-I{HERE / 'cuda' / 'include'}", f"-I{(sources / path).parent}"]
    includes = [*own_headers, *includes, python]
    wrapper = work / f"{module}.o"
    _run("g++", "-std=c++17", "-O0", "-fPIC", "-w", *includes, "-c", cpp, "-o", wrapper)
    absent = work / f"{module}.absent.cpp"
    absent.write_text(_absent("cuda", wrapper, HERE / "cuda" / own))
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    target = home / "site" / f"{path}{suffix}"
    files = [wrapper, HERE / "cuda" / own, absent]
    _shared(includes, files, target, "-L", home / "lib", "-l:libcuda.so.1")


_CYTHONIZE = """
import sys
from Cython.Compiler.Main import CompilationOptions, compile
constants = {
    "CUPY_CUDA_VERSION": 13000,
    "CUPY_HIP_VERSION": 0,
    "CUPY_USE_CUDA_PYTHON": False,
    "CUPY_CUFFT_STATIC": False,
    "CUPY_CYTHON_VERSION": "3",
}
directives = {"binding": False, "embedsignature": True, "c_api_binop_methods": True}
options = CompilationOptions(
    output_file=sys.argv[2],
    cplus=True,
    language_level=3,
    compile_time_env=constants,
    compiler_directives=directives,
)
compile(sys.argv[1], options)
"""
