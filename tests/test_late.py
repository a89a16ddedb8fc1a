"""What `import xdl` loads, and how the rest comes at its first use."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys

import pytest

import xdl
from xdl import late

PACKAGES = ["xdl", "xdl.models", "xdl.nn", "xdl.ops", "xdl.optim", "xdl.train"]

# Uses every name from several threads that start together, each in its own order.
TOGETHER = """
import random, threading
import xdl
found, start = [], threading.Barrier(8)
def use(seed):
    names = random.Random(seed).sample(xdl.__all__, len(xdl.__all__))
    start.wait()
    found.append({name: id(getattr(xdl, name)) for name in names})
threads = [threading.Thread(target=use, args=(seed,)) for seed in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print([one == found[0] for one in found])
"""


def output_of(code):
    """Return what a fresh Python prints; warnings are errors there."""
    command = [sys.executable, "-W", "error", "-c", code]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert "" == finished.stderr
    return finished.stdout.strip()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a package with late names, one module of it fit to load and one not."""
    name = "latecomer"
    (tmp_path / name).mkdir()
    for file, text in {
        "__init__": "from xdl import late\n"
        f"__getattr__, __dir__ = late.attributes({name!r}, late.places({name!r}))",
        "exports": f"from {name}.whole import one as one, two as deux\n"
        "from math import tau\nalso = one",
        "whole": "one, two = 1, 2",
        "broken": "import no_such_library",
    }.items():
        (tmp_path / name / f"{file}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name)
    for loaded in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[loaded]


def test_import_loads_neither_layers_nor_optimizers_nor_operations():
    loaded = output_of(
        "import json, sys, xdl\n"
        "print(json.dumps([m.split('.')[1:] for m in sys.modules if m[:4] == 'xdl.']))"
    )

    paths, files = (
        json.loads(loaded),
        {"arguments", "elsewhere", "errors", "forks", "recording", "late", "typing"},
    )
    operations = {path[1] for path in paths if path[0] == "ops" and path[1:]}
    packages = {path[0] for path in paths}
    assert {"backend", "core", "ops"} | files == packages
    assert set() == operations


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import xdl; print((xdl.Variable([1.5]) * 2).item())", "3.0"),
        ("import xdl; print((3 - xdl.Variable([1.0])).sum().item())", "2.0"),
        ("import xdl; print(bool(xdl.Variable(1.0) < 2))", "True"),
        ("import numpy, xdl; print(numpy.tanh(xdl.Variable(0.0)).item())", "0.0"),
        ("import numpy, xdl; print(numpy.mean(xdl.Variable([1.0])).item())", "1.0"),
        ("import xdl; print(xdl.nn.init.zeros([2]).tolist())", "[0.0, 0.0]"),
        ("import xdl.nn; print(xdl.nn.Linear.__name__)", "Linear"),
        ("from xdl import nn; print(nn.Linear.__name__)", "Linear"),
        ("from xdl import *; print(relu(-1.0).item(), SGD.__name__)", "0.0 SGD"),
        ("import xdl; print(xdl.ops.random.Dropout.__name__)", "Dropout"),
        ("import xdl.ops.product.matmul; print(callable(xdl.linear))", "True"),
        (
            "import pickle as p, xdl; print(p.loads(p.dumps(xdl.glu)) is xdl.glu)",
            "True",
        ),
        ("import xdl; print(xdl.compile(xdl.exp)([0.0])[0].item())", "1.0"),
    ],
)
def test_a_first_use_finds_what_it_names(code, expected):
    assert expected == output_of(code)


def test_threads_that_use_names_at_once_find_the_same():
    assert str([True] * 8) == output_of(TOGETHER)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_name_is_what_the_list_imports(name):
    package = importlib.import_module(name)
    listed = vars(importlib.import_module(f"{name}.exports"))

    names = [n for n in package.__all__ if n in listed]

    assert len(names) >= 8
    assert [] == [n for n in names if getattr(package, n) is not listed[n]]


@pytest.mark.parametrize("name", PACKAGES)
def test_no_name_is_that_of_another_submodule(name):
    # Importing a submodule sets the package's attribute of its name.
    path = importlib.import_module(name).__path__
    submodules = {info.name for info in pkgutil.iter_modules(path)}

    elsewhere = {n for n, (module, _) in late.places(name).items() if module != name}

    assert set() == submodules & elsewhere


def test_every_error_is_a_name_of_the_package():
    errors = dict(inspect.getmembers(xdl.errors, inspect.isclass))

    assert errors == {name: getattr(xdl, name) for name in errors}


def test_dir_lists_names_before_their_first_use(package):
    assert {"one", "deux", "tau", "also", "__name__"} <= set(dir(package))
    assert "one" not in vars(package)


def test_a_name_may_be_another_one_than_in_its_module(package):
    assert (1, 2, 1) == (package.one, package.deux, package.also)


def test_a_name_is_looked_for_once(package):
    first = package.tau

    assert first is vars(package)["tau"]


def test_a_submodule_is_an_attribute(package):
    assert 1 == package.whole.one


@pytest.mark.parametrize("name", ["thrice", "_hidden", "__wrapped__"])
def test_an_unknown_name_is_an_attribute_error_that_names_the_package(package, name):
    with pytest.raises(
        AttributeError, match=f"^module 'latecomer' has no attribute '{name}'$"
    ):
        getattr(package, name)


def test_a_submodule_that_cannot_be_loaded_says_what_it_lacks(package):
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        _ = package.broken
