"""The package as users get it: the wheel, the import, README and the command line."""

import contextlib
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import zipfile
from types import SimpleNamespace

import pytest

import xdl
from xdl import backend
from xdl.backend import Device
from xdl.config import EXTRAS, configuration

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRA_DEPENDENCIES = PROJECT["optional-dependencies"]
OPTIONAL = ["cupy", "sklearn", "matplotlib", "scipy", "torch", "mpi4py"]

# Prints which modules of argv[1] the code in argv[2] tried to import, found or not.
WATCH = """
import json, sys
banned, code = json.loads(sys.argv[1]), sys.argv[2]
reached_for = set()
class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in banned:
            reached_for.add(name.partition(".")[0])
sys.meta_path.insert(0, Watch)
exec(code)
print(json.dumps(sorted(reached_for)))
"""


def blocks(language):
    """Return the code blocks of README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(*arguments, **environment):
    """Run a fresh Python with warnings as errors, in the project's folder."""
    usual = {k: v for k, v in os.environ.items() if k != "XDL_DEVICE"}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env=usual | environment,
        capture_output=True,
        text=True,
    )


def optional_imports_of(code):
    """Return which optional libraries a piece of code tries to import."""
    finished = run("-c", WATCH, json.dumps(OPTIONAL), code)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


class RecordingSession:
    """Stands in for nox's session: writes down what would be installed and run."""

    def __init__(self, folder):
        self.folder = folder
        self.posargs = []
        self.installed = []
        self.commands = []

    def create_tmp(self):
        return str(self.folder)

    def install(self, *arguments):
        self.installed.append(arguments)

    def run(self, *arguments, **_):
        self.commands.append(arguments)


@pytest.fixture(scope="module")
def loaded_noxfile():  # once: nox warns of a session that it meets again
    pytest.importorskip("nox")
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    module = importlib.util.module_from_spec(spec)
    with contextlib.chdir(ROOT):
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def noxfile(loaded_noxfile, monkeypatch):
    monkeypatch.chdir(ROOT)
    return loaded_noxfile


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    finished = run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    assert finished.returncode == 0, finished.stderr
    return next(folder.iterdir())


def test_wheel_is_pure_python_and_has_the_packages_version(wheel):
    assert f"xdl-{xdl.__version__}-py3-none-any.whl" == wheel.name


def test_wheel_holds_xdl_and_its_type_marker_alone(wheel):
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "xdl").rglob("*.py")}

    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert sources | {"xdl/py.typed"} == names


def test_import_reaches_for_no_optional_library():
    assert [] == optional_imports_of("import xdl")


def test_watching_sees_an_import_of_an_optional_library_that_is_missing_or_not():
    code = "import contextlib\nwith contextlib.suppress(ImportError): import mpi4py"

    assert ["mpi4py"] == optional_imports_of(code)


READ = ["loop", "estimator", "model", "gradients", "compile", "save", "op"]


@pytest.mark.parametrize("code", blocks("python"), ids=READ)
def test_a_program_in_readme_runs(code):
    finished = run("-c", code)

    assert (0, "") == (finished.returncode, finished.stderr)
    assert finished.stdout


def test_readme_shows_two_commands_of_one_line_before_the_model():
    first_screen = README.partition("```python")[0]

    commands = re.findall(r"^```sh\n(.*?)^```$", first_screen, re.MULTILINE | re.DOTALL)

    assert ["pip install", "pip install"] == [c[: len("pip install")] for c in commands]
    assert [1, 1] == [c.count("\n") for c in commands]


def test_first_command_installs_and_runs_what_the_examples_session_does(
    noxfile, tmp_path
):
    session = RecordingSession(tmp_path)

    noxfile.examples(session)

    ((option, target),) = session.installed
    example = next(c for c in session.commands if c[1].endswith("digits.py"))
    expected = f'pip install {option} "{target}" && {example[0]} {example[1]}\n'
    assert expected == blocks("sh")[0]


def test_every_example_is_run_by_the_examples_session(noxfile, tmp_path):
    session = RecordingSession(tmp_path)

    noxfile.examples(session)

    written = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("examples/*.py")}
    assert written == {command[1] for command in session.commands}


def test_second_command_is_the_one_that_ci_takes_from_readme():
    script = (ROOT / ".ci/run").read_text()
    pattern = re.search(r"grep -m 1 -E '(.*)' README.md", script)[1]

    line = next(line for line in README.splitlines() if re.match(pattern, line))

    assert blocks("sh")[1] == f"{line}\n"
    assert os.access(ROOT / ".ci/run", os.X_OK)


@pytest.mark.parametrize("extras", re.findall(r"\.\[([\w,]+)\]", README))
def test_readme_installs_extras_that_exist(extras):
    assert set() == set(extras.split(",")) - set(EXTRA_DEPENDENCIES)


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_a_link_in_readme_leads_to_a_file(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize(
    "name",
    [
        "tests",
        "lint",
        "types",
        "doctest",
        "examples",
        "oracle",
        "lowest",
        "bench",
        "host_gpu",
        "host_gpu_all",
        "gpu",
    ],
)
def test_contributing_names_every_session(noxfile, name):
    text = (ROOT / "CONTRIBUTING.md").read_text()

    assert callable(getattr(noxfile, name))
    assert f"`{name}`" in text or f"nox -s {name}" in text


@pytest.mark.parametrize(("ci", "ending"), [("", "skip"), ("1", "error")])
def test_a_host_gpu_that_cannot_be_made_is_skipped_and_in_ci_an_error(
    noxfile, tmp_path, monkeypatch, ci, ending
):
    class Ended(Exception):  # noqa: N818  (nox's own are no errors either)
        pass

    def end(name):
        def raise_it(reason):
            raise Ended(f"{name}: {reason}")

        return raise_it

    session = RecordingSession(tmp_path)
    session.skip, session.error = end("skip"), end("error")
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(noxfile.shutil, "which", lambda name: None)

    with pytest.raises(Ended, match=f"^{ending}: the host GPU needs g\\+\\+"):
        noxfile.host_gpu(session)

    assert [] == session.commands


NEEDED = ("dev", "jit", "sklearn", "plot", "examples")


def test_lowest_installs_the_lowest_version_of_each_dependency(noxfile, tmp_path):
    session = RecordingSession(tmp_path)
    extras = [EXTRA_DEPENDENCIES[name] for name in NEEDED]
    every = sum(extras, PROJECT["dependencies"])
    needed = [line for line in every if not line.startswith("xdl[")]

    noxfile.lowest(session)

    ((_, _, *installed),) = session.installed
    assert [line for line in needed if "==" not in line] == [
        line.replace("==", ">=") for line in installed
    ]


def test_ci_runs_every_python_that_the_project_names():
    named = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    text = (ROOT / ".github/workflows/ci.yml").read_text()

    run = re.findall(r"3\.\d+", re.search(r"python: \[(.*)\]", text)[1])

    assert named == run


def test_nightly_runs_sessions_that_exist(noxfile):
    text = (ROOT / ".github/workflows/nightly.yml").read_text()

    sessions = re.findall(r"- session: (\w+)", text)

    assert ["oracle", "lowest", "coverage", "host_gpu_all"] == sessions
    assert all(callable(getattr(noxfile, name)) for name in sessions)


@pytest.mark.parametrize(
    "pin",
    re.findall(
        r'additional_dependencies: \["(.*)"\]',
        (ROOT / ".pre-commit-config.yaml").read_text(),
    ),
)
def test_pre_commit_uses_the_versions_of_the_project(pin):
    assert pin in EXTRA_DEPENDENCIES["dev"]


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("docs/decisions/*.md")), ids=lambda p: p.stem
)
def test_a_decision_has_the_four_headings(page):
    headings = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)

    assert ["Summary", "Motivation", "Implementation", "Discussion"] == headings


def test_info_shows_the_version_the_device_and_every_optional_package():
    finished = run("-m", "xdl", "info")

    shown = dict(line.split(maxsplit=1) for line in finished.stdout.splitlines())
    packages = {package for extra in EXTRAS.values() for package in extra}
    assert (0, "") == (finished.returncode, finished.stderr)
    assert (xdl.__version__, "cpu") == (shown["xdl"], shown["device"])
    assert {"python", "numpy", "heap"} | packages == shown.keys() - {"xdl", "device"}


def test_info_says_what_is_wrong_with_a_device_that_cannot_be_used():
    finished = run("-m", "xdl", "info", XDL_DEVICE="abacus")

    assert 0 == finished.returncode
    assert re.search("^device +none: .*'abacus' came", finished.stdout, re.MULTILINE)


def test_info_looks_at_the_gpu_when_asked():
    finished = run("-m", "xdl", "info", "--cuda")

    assert 0 == finished.returncode
    assert re.search(r"^GPU +\S+", finished.stdout, re.MULTILINE)


def test_config_describes_a_usable_gpu_its_driver_and_cupy(monkeypatch):
    facts = {"name": b"Abacus", "totalGlobalMem": 8 * 2**30, "major": 9, "minor": 0}
    runtime = SimpleNamespace(
        driverGetVersion=lambda: 13010,
        getDeviceProperties={1: facts}.get,
        runtimeGetVersion=lambda: 13000,
    )
    cupy = SimpleNamespace(__version__="14.2.0", cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(backend, "device", lambda: Device("cuda:1"))
    monkeypatch.setattr(backend, "usable", lambda name, who: Device(name))

    shown = configuration()["GPU"]

    assert (
        "Abacus, 8 GiB, compute capability 9.0, CuPy 14.2.0, CUDA 13.0, "
        "driver for CUDA 13.1"
    ) == shown


def test_info_reaches_for_no_optional_library_unless_asked():
    assert [] == optional_imports_of("from xdl.__main__ import main; main(['info'])")


def test_show_config_prints_what_info_does(capsys, monkeypatch):
    monkeypatch.delenv("XDL_DEVICE", raising=False)

    xdl.show_config()

    assert run("-m", "xdl", "info").stdout == capsys.readouterr().out


@pytest.mark.parametrize("extra", EXTRAS)
def test_config_knows_the_packages_of_an_extra(extra):
    names = [re.match(r"[\w.-]+", line)[0] for line in EXTRA_DEPENDENCIES[extra]]

    assert names == list(EXTRAS[extra])
