"""The house rules, run: imports, sizes, documentation, exports, cases."""

import ast
import functools
import importlib
import importlib.util
import inspect
import pathlib
import re

import pytest

import xdl
from tests.support.operations import operations
from xdl import Op
from xdl.core.case import BadCase, Case

PACKAGE = pathlib.Path(xdl.__file__).parent
ROOT = PACKAGE.parent
FOLDERS = ("xdl", "tests", "examples", "benchmarks", "docs")
SOURCES = sorted(PACKAGE.rglob("*.py"))
ALL_SOURCES = sorted(
    [
        *ROOT.glob("*.py"),
        *(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py")),
    ]
)
TEXTS = sorted(
    p
    for p in [*ROOT.glob("*"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*"))]
    if p.suffix in {".py", ".md", ".toml", ".yml", ".yaml", ".cfg", ".txt"}
)

# Each part of the package may import those before it, and itself.
LAYERS = [
    {"errors", "typing", "uninterrupted"},
    {"recording"},
    {"arguments", "elsewhere", "forks"},
    {"late", "replacing"},
    {"backend"},
    {"tracing", "native"},
    {"core"},
    {"transform"},
    {"ops"},
    {"nn"},
    {"optim"},
    {"program"},
    {"models"},
    {"io"},
    {"train"},
    {"sklearn"},
    {"testing", "config"},
    {"__main__", "exports"},
]
CORE = [
    "shown",
    "case",
    "computed",
    "mode",
    "initial",
    "debug",
    "node",
    "signature",
    "narrow",
    "operators",
    "methods",
    "variable",
    "precision",
    "option",
    "promote",
    "call",
    "install",
    "onnx",
    "op",
    "elementwise",
    "parameter",
    "graph",
    "watch",
    "module",
]
# The stages of a program.
PROGRAM = ["errors", "pytree", "interpreter", "fusion", "memory", "passes"]
PROGRAM += ["numpy_executor", "numba_executor", "cuda_executor", "saved"]
PROGRAM += ["program", "record", "verify", "call"]
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

# A program's executors write NumPy's code, and plan its memory; batches are cut and
# metrics counted on the host.
IMPORTS_NUMPY = {"backend", "native", "program", "io", "testing", "train"}
IMPORTS_NUMPY |= {"sklearn"}
# Their names are those of the Array API standard, which documents them.
NAMESPACES = {"xdl.backend.numpy", "xdl.backend.cupy", "xdl.backend.portable"}
# Reached through the function of another operation.
INTERNAL_OPS = {"WeightedSoftmaxCrossEntropy", "MassCrossEntropy"}
INTERNAL_OPS |= {"Conv2dByInput", "Conv2dByWeight"}
INTERNAL_OPS |= {"AvgUnpool2d", "MaxPick2d", "MaxUnpool2d"}
INTERNAL_OPS |= {"Conv3dByInput", "Conv3dByWeight", "InterpolateByInput"}
PUBLIC = {"xdl": xdl, "nn": xdl.nn, "init": xdl.init, "optim": xdl.optim}
PUBLIC |= {"models": xdl.models, "testing": xdl.testing, "ops": xdl.ops}
PUBLIC |= {"train": xdl.train}


def _relative(path):
    return path.relative_to(ROOT).as_posix()


@functools.cache
def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _imported(path):
    """Yield the names of the modules that a file imports, inside functions too.

    What is imported for type checkers alone is not, when the program runs.
    """
    for node in _run(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if _is_module(inner) else node.module


def _run(tree):
    """Yield the nodes of a tree, but of ``if TYPE_CHECKING`` those alone that run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node = ast.Module(node.orelse, [])
        yield node
        yield from _run(node)


def _part(module):
    return (module.split(".") + ["__init__"])[1]


def _functions(tree):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def _length(node):
    """Count the lines of a function, class or module, without docstrings inside."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [
        inner.body[0]
        for inner in ast.walk(node)
        if isinstance(inner, documented) and ast.get_docstring(inner) is not None
    ]
    documentation = sum(text.end_lineno - text.lineno + 1 for text in texts)
    if isinstance(node, ast.Module):
        return max((n.end_lineno for n in node.body), default=0) - documentation
    return node.end_lineno - node.lineno + 1 - documentation


def _operations():
    """Return the operations: no bases, which compute nothing or begin with _."""
    found = [cls for cls in operations() if cls.compute is not Op.compute]
    return [cls for cls in found if not cls.__name__.startswith("_")]


def _own(module):
    """Yield (name, object) of the public classes and functions that a module makes."""
    for name, value in vars(module).items():
        is_code = inspect.isclass(value) or inspect.isfunction(value)
        if is_code and value.__module__ == module.__name__ and not name.startswith("_"):
            yield name, value


def _methods(cls):
    """Yield (name, method) of a class; what a base has already is documented there."""
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}
    for name, member in vars(cls).items():
        is_code = inspect.isfunction(member) or isinstance(member, property)
        if is_code and not name.startswith("_") and name not in inherited:
            yield f"{cls.__name__}.{name}", member


def _public(namespace):
    """Yield (name, object) of the classes and functions a user finds in a namespace."""
    for name in getattr(namespace, "__all__", vars(namespace)):
        value = getattr(namespace, name)
        is_ours = (getattr(value, "__module__", None) or "").partition(".")[0] == "xdl"
        is_error = inspect.isclass(value) and issubclass(value, Exception)
        if is_ours and not name.startswith("_") and not is_error:
            yield name, value


every_source = pytest.mark.parametrize("path", SOURCES, ids=_relative)
every_python_file = pytest.mark.parametrize("path", ALL_SOURCES, ids=_relative)
every_text = pytest.mark.parametrize("path", TEXTS, ids=_relative)
every_operation = pytest.mark.parametrize(
    "cls", _operations(), ids=lambda cls: cls.__name__
)


@every_source
def test_imports_point_one_way(path):
    module = _module_name(path)
    if module == "xdl":
        return
    wrong = [
        name
        for name in _imported(path)
        if name.partition(".")[0] == "xdl"
        and _part(name) != _part(module)
        and RANK.get(_part(name), len(LAYERS)) >= RANK[_part(module)]
    ]

    assert [] == wrong


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in (PACKAGE / "core").glob("[!_]*.py"))
)
def test_imports_within_core_point_one_way(name):
    wrong = [
        imported
        for imported in _imported(PACKAGE / "core" / f"{name}.py")
        if imported.startswith("xdl.core.")
        and CORE.index(imported.split(".")[2]) >= CORE.index(name)
    ]

    assert [] == wrong


@pytest.mark.parametrize(
    "path",
    sorted({*(PACKAGE / "program").rglob("*.py")} - {PACKAGE / "program/__init__.py"}),
    ids=_relative,
)
def test_imports_within_program_point_one_way(path):
    stage = _module_name(path).split(".")[2]
    imported = [n for n in _imported(path) if n.startswith("xdl.program.")]
    others = [n for n in imported if n.split(".")[2] != stage]

    assert [] == [
        n for n in others if PROGRAM.index(n.split(".")[2]) >= PROGRAM.index(stage)
    ]


@every_source
def test_numpy_is_imported_only_where_arrays_come_from(path):
    imports = {name.partition(".")[0] for name in _imported(path)}

    assert "numpy" not in imports or _part(_module_name(path)) in IMPORTS_NUMPY


@every_source
def test_cupy_is_imported_in_one_file(path):
    imports = {name.partition(".")[0] for name in _imported(path)}

    assert "cupy" not in imports or _module_name(path) == "xdl.backend.cupy"


@every_python_file
def test_files_have_at_most_400_lines_of_code_of_at_most_88_characters(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    wide = [f"{i}: {len(line)}" for i, line in enumerate(lines, 1) if len(line) > 88]

    assert _length(_tree(path)) <= 400
    assert [] == wide


@every_python_file
def test_functions_have_at_most_40_lines(path):
    long = [
        f"{f.name}: {_length(f)}" for f in _functions(_tree(path)) if _length(f) > 40
    ]

    assert [] == long


@every_python_file
def test_names_are_not_looked_up_in_globals_and_not_imported_by_star(path):
    nodes = list(ast.walk(_tree(path)))
    looked_up = [
        node.lineno
        for node in nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", None) in ("globals", "locals")
    ]
    stars = [
        node.lineno
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]

    assert [] == looked_up
    assert [] == stars or path.name == "__init__.py"


@every_text
def test_nothing_is_left_for_later_and_no_path_is_absolute(path):
    # Written in pieces, so that this file passes its own test.
    left = r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"
    absolute = r"(?<![\w.~:/])/(home|root|work|tmp|Users|opt|mnt|var)/|\b[C-Z]:\\\\"

    found = re.findall(f"{left}|{absolute}", path.read_text(encoding="utf-8"))

    assert [] == found


@every_source
def test_a_module_says_what_it_is(path):
    assert ast.get_docstring(_tree(path))


@every_source
def test_what_is_public_is_documented(path):
    name = _module_name(path)
    if name.startswith(("xdl.native.", "xdl.program.numba_executor.")):
        pytest.importorskip("numba")
    own = [] if name in NAMESPACES else list(_own(importlib.import_module(name)))
    own += [pair for _, cls in own if inspect.isclass(cls) for pair in _methods(cls)]

    assert [] == [name for name, value in own if not inspect.getdoc(value)]


@pytest.mark.parametrize("place", sorted(PUBLIC))
def test_what_a_user_finds_has_an_example(place):
    found = _public(PUBLIC[place])

    assert [] == [
        n for n, value in found if "Example" not in (inspect.getdoc(value) or "")
    ]


@every_operation
def test_an_operation_has_cases(cls):
    good = [case for case in cls.cases if isinstance(case, Case)]
    bad = [case for case in cls.cases if isinstance(case, BadCase)]

    assert good
    assert len(cls.cases) == len(good) + len(bad)


@every_operation
def test_an_operation_is_documented_with_an_example(cls):
    assert "Example:" in (cls.__doc__ or "")


@every_operation
def test_an_operation_is_exported(cls):
    exported = [getattr(xdl.ops, name) for name in xdl.ops.__all__]
    found = [
        e
        for e in exported
        if type(e) is cls or inspect.getdoc(e) == inspect.getdoc(cls)
    ]

    is_public = cls.__name__ not in INTERNAL_OPS
    assert bool(found) is is_public, "add its function to xdl/ops/exports.py"


def test_the_package_shows_every_operation():
    names = xdl.ops.__all__

    assert [] == [n for n in names if getattr(xdl, n, None) is not getattr(xdl.ops, n)]


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/__init__.py")), ids=_relative)
def test_what_a_namespace_lists_exists(path):
    module = importlib.import_module(_module_name(path))
    listed = getattr(module, "__all__", [])

    assert [] == [name for name in listed if not hasattr(module, name)]
    assert len(set(listed)) == len(listed)


@every_operation
def test_an_operation_is_found_in_xdl_ops_by_its_name(cls):
    is_public = cls.__name__ not in INTERNAL_OPS and cls.__name__[0] != "_"
    found = getattr(xdl.ops, cls.__name__, None)

    expected = cls if is_public else None
    assert expected is found, f"add {cls.__name__} to xdl/ops/exports.py"


@pytest.mark.parametrize(
    "name",
    ["ReLU", "LSTM", "GRU", "RNN", "KLDiv", "CTCLoss", "NLLLoss", "ArgSort", "IsNaN"],
)
def test_initials_are_capital_in_the_names_of_operations(name):
    assert name.upper() == getattr(xdl.ops, name).__name__.upper()
    assert name in dir(xdl.ops)
