"""What the objects of xdl show of themselves, in a shell and in a notebook."""

import xml.etree.ElementTree

import numpy as np
import pytest

import xdl
from xdl import nn, optim
from xdl.core.shown import svg

SVG = "{http://www.w3.org/2000/svg}"


class Net(xdl.Module):
    """It has layers in a list, in a dict and alone, and a weight."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 3), nn.ReLU()]
        self.heads = {"a": nn.Linear(3, 2)}
        self.norm = nn.LayerNorm(3)
        self.scale = xdl.Variable([1.0, 2.0])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.heads["a"](self.norm(x)) * self.scale


@pytest.fixture
def net():
    return Net()


@pytest.fixture
def graph(net):
    """The graph of a loss of the net, whose names it knows."""
    return xdl.Graph(xdl.sum(net(np.ones((5, 4), np.float32))), net)


def test_a_module_shows_what_it_is_made_of(net):
    assert [
        "Net(",
        "  layers/0: Linear(4, 3)",
        "  layers/1: ReLU()",
        "  heads/a: Linear(3, 2)",
        "  norm: LayerNorm(3)",
        "  scale: (2,)",
        ")",
    ] == repr(net).splitlines()


def test_a_module_within_a_module_is_indented():
    outer = xdl.Module()
    outer.inner = Net()

    lines = repr(outer).splitlines()

    assert ["Module(", "  inner: Net(", "    layers/0: Linear(4, 3)"] == lines[:3]
    assert ["  )", ")"] == lines[-2:]


def test_a_module_that_holds_itself_is_shown_once():
    module = xdl.Module()
    module.__dict__["again"] = module

    assert "again: ..." in repr(module)


def test_results_that_a_module_keeps_are_not_shown(net):
    before = repr(net)

    net.output = net([[1.0, 2.0, 3.0, 4.0]])

    assert before == repr(net)


def test_a_notebook_shows_a_module_as_a_table_of_its_weights(net):
    net.layers[0].bias.trainable = False

    page = xml.etree.ElementTree.fromstring(f"<div>{net._repr_html_()}</div>")

    rows = [[cell.text for cell in row] for row in page.iter("tr")]
    assert ["name", "shape", "dtype", "size"] == rows[0]
    assert ["layers/0/weight", "(4, 3)", "float32", "12"] == rows[1]
    assert ["layers/0/bias", "(3,)", "float32", "3 (frozen)"] == rows[2]
    assert len(net.parameter) == len(rows) - 1
    assert f"{net.parameter.size} trainable parameters" == page.find("p").text


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda w: optim.Adam(w, 0.01),
            "Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, "
            "amsgrad=False)",
        ),
        (
            lambda w: xdl.SGD(w, 0.5, 0.9, True),
            "SGD(lr=0.5, momentum=0.9, nesterov=True, weight_decay=0.0)",
        ),
        (
            lambda w: optim.StepLR(xdl.SGD(w, 0.5), 3),
            "StepLR(steps=0, base_lr=0.5, step_size=3, gamma=0.1)",
        ),
        (lambda w: optim.EMA(w, 0.5), "EMA(decay=0.5)"),
        (lambda w: xdl.train.TopKAccuracy(3), "TopKAccuracy(k=3)"),
        (lambda w: xdl.train.ClipGradNorm(2), "ClipGradNorm(max_norm=2.0)"),
    ],
)
def test_what_has_options_shows_them(make, expected):
    assert expected == repr(make([xdl.Variable([1.0])]))


def test_a_graph_shows_what_it_counts(graph, net):
    counted = f"trainable Variables, {net.parameter.size} parameters>"

    assert repr(graph).startswith("<Graph of Variable (): ")
    assert repr(graph).endswith(counted)


def test_a_graph_of_a_model_has_its_full_names_and_its_inputs(graph, net):
    lines = [line.strip() for line in graph.draw().splitlines()]

    labels = {line.partition('"')[2].partition(" (")[0] for line in lines}
    assert set(net.parameter) <= labels
    assert 'x0[/"input (5, 4)"/]' in lines
    (linear,) = [line.split("[")[0] for line in lines if '"Linear (5, 3)"' in line]
    assert 3 == sum(line.endswith(f"--> {linear}") for line in lines)
    assert f"x0 --> {linear}" in lines


def test_an_input_that_is_used_twice_is_drawn_once():
    x, w = np.ones((2, 3), np.float32), xdl.Variable(np.ones((3, 1), "f4"))

    text = xdl.Graph(xdl.sum(x @ w) + xdl.sum(xdl.tanh(x @ w))).draw()

    assert 1 == text.count("[/")
    assert 2 == text.count("x0 --> ")


def test_inputs_of_other_names_have_them():
    embedding = nn.Embedding(5, 2)

    text = xdl.Graph(xdl.sum(embedding(np.array([1, 2])))).draw()

    assert '[/"indices (2,)"/]' in text


def test_names_of_what_is_no_model_are_refused(net):
    with pytest.raises(xdl.GraphError, match="Graph: 3 came, needed a Module"):
        xdl.Graph(xdl.sum(net(np.ones((1, 4)))), 3)


@pytest.mark.parametrize("form", ["dot", "mmd"])
def test_a_source_text_says_what_is_an_input(form, graph, tmp_path):
    text = graph.draw(tmp_path / f"graph.{form}").read_text()

    sign = {"dot": "style=dashed", "mmd": "[/"}[form]
    assert 1 == text.count(sign)


def test_a_notebook_shows_a_graph_as_a_drawing(graph):
    drawing = xml.etree.ElementTree.fromstring(graph._repr_svg_())

    labels = [text.text for text in drawing.iter(f"{SVG}text")]
    lines = list(drawing.iter(f"{SVG}line"))
    assert {"input (5, 4)", "layers/0/weight (4, 3)", "Linear (5, 3)"} <= set(labels)
    assert graph.draw().count("-->") == len(lines)
    assert all(float(one.get("y1")) < float(one.get("y2")) for one in lines)


def test_boxes_of_a_drawing_do_not_overlap(graph):
    drawing = xml.etree.ElementTree.fromstring(graph._repr_svg_())

    boxes = [
        [float(one.get(name)) for name in ("x", "y", "width", "height")]
        for one in drawing.iter(f"{SVG}rect")
    ]
    apart = [
        x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1
        for i, (x1, y1, w1, h1) in enumerate(boxes)
        for x2, y2, w2, h2 in boxes[:i]
    ]
    right = max(x + w for x, _, w, _ in boxes)
    assert all(apart)
    assert right <= float(drawing.get("width"))


def test_a_graph_too_large_to_be_looked_at_is_not_drawn_by_itself():
    x = xdl.Variable([1.0])
    y = x
    for _ in range(400):
        y = y * x

    assert xdl.Graph(y)._repr_svg_() is None


def test_a_drawing_of_nothing_is_empty():
    assert svg([], []).endswith("</svg>")


def test_a_compiled_step_and_its_program_show_what_they_are_for(net):
    optimizer = xdl.SGD(net, 0.1)

    def step(x):
        loss = xdl.sum(net(x))
        loss.backward()
        optimizer.update()
        return loss

    fast = xdl.compile(step, net, optimizer)
    before = repr(fast)
    fast(np.ones((5, 4), np.float32))

    assert "<Compiled step, 'numpy'; programs: 0>" == before
    assert "<Compiled step, 'numpy'; programs: 1>" == repr(fast)
    assert repr(fast.program).startswith("<Program of x (5, 4) float32; lines: ")
    assert repr(fast.program).endswith(f"changed arrays: {len(net.parameter)}>")
    assert "<Compiled Net, 'numpy'; programs: 0>" == repr(xdl.compile(net))


def test_a_trainer_shows_how_far_it_has_come():
    model = xdl.models.LinearModel(4, 2)
    trainer = xdl.train.Trainer(model, xdl.SGD(model, 0.5))

    assert "epochs: 0, steps: 0>" in repr(trainer)
    trainer.fit([(np.zeros((2, 4)), np.array([0, 1]))])

    assert repr(trainer).startswith("<Trainer of LinearModel by SGD(lr=0.5, ")
    assert repr(trainer).endswith("; epochs: 1, steps: 1, loss: 0.6931>")


def test_batches_show_their_arrays_and_their_order():
    data = xdl.train.batches(np.zeros((5, 2)), np.zeros(5), 2, shuffle=True, seed=3)

    assert "<Batches of (5, 2), (5,): 3 an epoch, size=2, shuffle=True, seed=3>" == (
        repr(data)
    )
