"""Graph: what it lists, its table, and its pictures."""

import shutil

import pytest

import xdl
from xdl import Graph, GraphError, Variable


@pytest.fixture
def loss():
    """A loss over two weights, one used twice, with one constant."""
    w, b = (
        Variable([[1.0, 2.0], [3.0, 4.0]], name="w"),
        Variable([0.5, 0.5], name='b"1"'),
    )
    hidden = xdl.tanh(xdl.linear([[1.0, 1.0]], w, b))
    return xdl.sum(hidden @ w)


def test_graph_lists_operations_and_leaves_oldest_first(loss):
    graph = Graph(loss)

    operations = [str(node.op) for node in graph.nodes]
    assert ["Linear", "Tanh", "Matmul", "Sum"] == operations
    assert ["w", 'b"1"'] == [leaf.name for leaf in graph.leaves]
    assert (6, loss) == (graph.parameter_count, graph.output)


def test_graph_of_a_leaf_is_that_leaf_alone():
    graph = Graph(Variable([1.0, 2.0]))

    assert ([], 1, 2) == (graph.nodes, len(graph.leaves), graph.parameter_count)


@pytest.mark.parametrize("output", [Variable([1]), 3.0, None, [Variable([1.0])]])
def test_graph_of_what_is_not_trainable_is_refused(output):
    with pytest.raises(GraphError, match="output is trainable|needed a Variable"):
        Graph(output)


def test_graph_after_its_backward_is_refused(loss):
    loss.backward()

    with pytest.raises(GraphError, match="freed by an earlier backward"):
        Graph(loss)


def test_backward_is_that_of_the_output():
    x = Variable([1.0, 2.0])
    graph = Graph(x * x)

    graph.backward([1.0, 1.0], retain_graph=True)
    graph.backward(grad=[1.0, 1.0], create_graph=True)

    assert [4.0, 8.0] == x.grad.numpy().tolist()


def test_summary_has_a_row_per_operation_and_the_totals(loss):
    lines = Graph(loss).summary().splitlines()

    assert ["operation", "shape", "dtype", "kept", "bytes", "FLOPs"] == lines[0].split()
    assert set("-") == set(lines[1])
    assert ["Linear", "(1,", "2)", "float32"] == lines[2].split()[:4]
    assert "10" == lines[2].split()[-1]
    assert "4 operations, 2 trainable Variables, 6 parameters" == lines[-1]


def test_summary_counts_an_array_that_is_kept_twice_once():
    x = Variable([1.0, 2.0])

    rows = Graph(((x * x) * x).sum()).summary().splitlines()[2:-1]

    assert ["8", "8", "0"] == [row.split()[-2] for row in rows]


def test_summary_writes_a_dash_for_flops_that_cannot_be_known():
    w = Variable([[1.0, 2.0]])
    frozen = Variable([[3.0], [4.0]], trainable=False)

    class Opaque(xdl.Op):
        def compute(self, xp, x, z):
            return x + z[0]

        def gradient(self, xp, gy):
            return gy, None

        def flops(self, y_shape, x_shape, z_shape):
            return None if z_shape is None else len(z_shape)

    summary = Graph(Opaque()(w, frozen).sum()).summary()

    assert "-" == summary.splitlines()[2].split()[-1]


def test_summary_counts_the_arrays_of_a_joined_list():
    x, y = Variable([1.0, 2.0]), Variable([3.0])

    class Product(xdl.Op):
        def compute(self, xp, *xs):
            return xs[0] * xs[1]

        def gradient(self, xp, gy, xs):
            return gy * xs[1], gy * xs[0]

    row = Graph(Product()(x, y)).summary().splitlines()[2]

    assert "12" == row.split()[-2]


def test_draw_without_a_path_returns_mermaid_text():
    text = Graph(xdl.exp(Variable([1.0], name="x"))).draw()

    assert [
        "flowchart TD",
        '    n0(["x (1,)"])',
        '    n1["Exp (1,)"]',
        "    n0 --> n1",
    ] == (text.splitlines())


def test_draw_names_a_nameless_leaf_variable_and_leaves_constants_out():
    text = Graph(Variable([1.0]) * 2).draw()

    assert ["n0(", "n1[", "n0 "] == [line.strip()[:3] for line in text.splitlines()[1:]]
    assert '"variable (1,)"' in text


@pytest.mark.parametrize(
    ("name", "start"), [("g.dot", "digraph xdl {"), ("g.mmd", "flowchart")]
)
def test_draw_writes_the_source_text(loss, tmp_path, name, start):
    path = Graph(loss).draw(tmp_path / name)

    assert tmp_path / name == path
    assert path.read_text().startswith(start)
    assert "b'1'" in path.read_text()


def test_draw_writes_mermaid_beside_it_without_graphviz(loss, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda command: None)

    path = Graph(loss).draw(str(tmp_path / "graph.svg"))

    assert tmp_path / "graph.mmd" == path
    assert ["graph.mmd"] == [p.name for p in tmp_path.iterdir()]


def test_draw_hands_the_source_to_graphviz_if_it_is_there(loss, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(shutil, "which", lambda command: command)
    monkeypatch.setattr(
        "subprocess.run", lambda *args, **options: calls.append((args, options))
    )

    path = Graph(loss).draw(tmp_path / "graph.png")

    ((command,), options) = calls[0]
    assert ["dot", "-Tpng", "-o", str(path)] == command
    assert options["check"]
    assert options["input"].startswith("digraph")


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
@pytest.mark.parametrize("name", ["graph.svg", "graph"])
def test_draw_makes_a_picture_with_graphviz(loss, tmp_path, name):
    path = Graph(loss).draw(tmp_path / name)

    assert "<svg" in path.read_text()
