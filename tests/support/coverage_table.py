"""The page docs/coverage.md: ``python -m tests.support.coverage_table`` writes it.

It needs PyTorch, whose operator database is counted.
"""

import collections
import operator
import pathlib
import re

import xdl
from tests.support.counterparts import reference_of
from tests.support.design_names import CLASSES, MISSING
from tests.support.operations import with_onnx
from xdl.core.case import Case
from xdl.core.onnx import OnnxGraph
from xdl.testing import draw_inputs

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "coverage.md"
NONE = "–"
# It comes from outside; tests/oracle/test_dlpack.py.
OTHER = {"from_dlpack"}
HEAD = """# What checks each public name

`python -m tests.support.coverage_table` writes this page, and a test of the oracle
session compares it with what is there. The examples in the documentation are run.

## Functions

Cases are those in an operation's class: each is compared with NumPy, SciPy or a formula
in the tests, with finite differences to the second order, on three backends, and with
PyTorch. Samples are those of PyTorch's operator database that are compared too: value,
gradient and second gradient. A function without a class of its own (no cases) is made
of others. ONNX: the operators of a model that ONNX Runtime runs to the same values;
the other way, ONNX's tests of its operators are run through these functions
(test_onnx_nodes.py).

| function | documented | cases | NumPy, SciPy | PyTorch | samples | ONNX |
|---|---|---:|---|---|---:|---|
"""
SECTIONS = {
    "nn": "Layers and losses",
    "optim": "Optimizers and schedules",
    "init": "Initializers",
    "models": "Models",
    "train": "Training",
    "": "Also",
}
CLASS_HEAD = """
## {title}

{told}

| name | documented | checked by |
|---|---|---|
"""
TOLD = (
    "A layer that calls a function is checked by that function's line above; a file is "
    "one of tests/oracle, unless it says otherwise."
)


def functions():
    """Return the names of the functions on the page, as it stands."""
    rows = PAGE.read_text(encoding="utf-8").partition("\n## Layers")[0]
    return re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)


def found(name):
    """Return what ``xdl.<name>`` is."""
    return operator.attrgetter(name)(xdl)


def is_documented(name):
    """Tell whether the documentation of a public name has an example."""
    return "Example" in (found(name).__doc__ or "")


def page():
    """Return the text of the page."""
    # Here, for PyTorch takes seconds, and the tests of the names need none.
    from tests.oracle.torch_counterparts import COUNTERPARTS

    samples = _samples()
    rows = {row.name: row for row in COUNTERPARTS if not row.op}
    names = [name for name in xdl.ops.__all__ if name not in OTHER]
    lines = [_function_line(name, rows[name], samples[name]) for name in names]
    cases = sum(len(_cases(rows[name].op_class)) for name in names)
    count = sum(samples[name] for name in names)
    total = (
        f"\n{len(names)} functions, {cases} cases and {count:,} samples of PyTorch's.\n"
    )
    files = _database_files()
    sections = [_section(space, files) for space in CLASSES]
    return HEAD + "".join(lines) + total + "".join(sections)


def _database_files():
    """Return the test of a database of PyTorch's that names something, by that name."""
    from tests.oracle.test_optim_db import SAMPLES
    from tests.oracle.twins_layers import LAYERS
    from tests.oracle.twins_losses import LOSSES
    from tests.oracle.twins_sequences import SEQUENCES

    modules = [f"nn.{name}".lower() for name in LAYERS | LOSSES | SEQUENCES]
    optimizers = [f"optim.{name}".lower() for name, _ in SAMPLES]
    files = dict.fromkeys([*modules, "nn.softmaxloss"], "test_module_db.py")
    return files | dict.fromkeys(optimizers, "test_optim_db.py")


def _samples():
    """Return how many samples of PyTorch's each function is given."""
    from tests.oracle import test_opinfo

    counts = collections.Counter()
    for mark in test_opinfo.test_sample_gives_what_torch_gives.pytestmark:
        for use in mark.args[1]:
            row, _, _, order = use.values
            counts[row.name] += order == "value" and not use.marks
    return counts


def _cases(op_class):
    cases = op_class.cases if op_class else ()
    return [case for case in cases if isinstance(case, Case)]


def _function_line(name, row, samples):
    op_class = row.op_class
    cells = [
        f"`{name}`",
        "yes" if is_documented(name) else "no",
        len(_cases(op_class)) or NONE,
        "yes" if op_class and reference_of(op_class) else NONE,
        _torch_name(row),
        samples or NONE,
        _onnx(op_class),
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


def _torch_name(row):
    is_formula = row.as_torch and "torch" not in vars(row.owner)
    return "yes" if is_formula else f"`{row.said.name}`"


def _onnx(op_class):
    """Return the operators that the first case of an operation takes in ONNX."""
    if op_class not in with_onnx():
        return NONE
    case = _cases(op_class)[0]
    graph = OnnxGraph()
    names = [
        None if a is None else graph.declare(f"x{i}", a.shape, a.dtype.name)
        for i, a in enumerate(draw_inputs(case, "float32"))
    ]
    op_class(**case.options).to_onnx(graph, *names)
    return ", ".join(dict.fromkeys(node.op_type for node in graph.nodes))


def _section(space, files):
    head = CLASS_HEAD.format(title=SECTIONS[space], told=TOLD)
    lines = []
    for name, check in CLASSES[space].items():
        full = f"{space}.{name}".lstrip(".")
        shown = f"`{check}`" if hasattr(xdl.ops, check) else check
        if full in MISSING:
            lines.append(f"| `{full}` | not there yet | {NONE} |\n")
            continue
        documented = "yes" if is_documented(full) else "no"
        shown = ", ".join(filter(None, [shown, files.get(full.lower())]))
        lines.append(f"| `{full}` | {documented} | {shown} |\n")
    return head + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
