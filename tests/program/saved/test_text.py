"""A program as text: what is printed, and the file that runs without xdl."""

import subprocess
import sys

import numpy as np
import pytest

import xdl
from xdl.program import compile


def _trained(model, optimizer, *arguments, calls=3):
    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast = compile(step, model, optimizer)
    for _ in range(calls):
        fast(*arguments)
    return fast


def _digits():
    rng = np.random.default_rng(0)
    return rng.random((4, 64), dtype=np.float32), rng.integers(0, 10, 4)


def _run_without_xdl(path, code):
    """Run Python code beside a saved program where xdl cannot be imported."""
    text = f"import sys; sys.modules['xdl'] = None; {code}"
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_program_prints_as_numpy_with_shapes_and_operations():
    model = xdl.LinearModel(64, 10)
    fast = _trained(model, xdl.SGD(model, lr=0.1), *_digits())

    lines = str(fast.program).splitlines()

    assert lines[0] == "def step(x, target, lr, weight):"
    assert lines[1].split("#")[0].strip().endswith("x @ weight")
    assert lines[1].split("#")[1].split() == ["(4,", "10)", "float32", "Matmul"]
    assert "    weight[...] = " in lines[-2]
    assert lines[-1].startswith("    return t")


def test_the_printed_lines_name_the_layers_in_their_path():
    class Deep(xdl.Model):
        def __init__(self):
            super().__init__()
            self.hidden = xdl.nn.Linear(64, 10)
            self.loss_ops = xdl.SoftmaxLoss()

        def forward(self, x):
            self.output = self.hidden(x)
            return self.output

    model = Deep()
    fast = _trained(model, xdl.SGD(model), *_digits())

    assert "hidden: Linear" in str(fast.program)


def test_statistics_count_lines_flops_and_bytes():
    model = xdl.LinearModel(64, 10)
    fast = _trained(model, xdl.SGD(model), *_digits())

    counted = fast.program.statistics()

    assert len(str(fast.program).splitlines()) == counted["lines"] + 3
    assert 2 * 2 * 4 * 64 * 10 < counted["flops"] < 2 * 2 * 2 * 4 * 64 * 10
    assert counted["bytes"] > 2 * model.W.value.nbytes


def _linear():
    return xdl.LinearModel(64, 10), _digits()


def _mlp():
    return xdl.models.MLP([64, 16, 10]), _digits()


def _lenet():
    rng = np.random.default_rng(0)
    images = rng.random((2, 1, 8, 8), dtype=np.float32)
    return xdl.models.LeNet(size=8, window=3), (images, np.array([1, 7]))


def _gpt():
    model = xdl.models.GPT(11, 4, 8, 1, 2)
    tokens = np.random.default_rng(0).integers(0, 11, (2, 5))
    return model, (tokens[:, :-1].copy(), tokens[:, 1:].copy())


@pytest.mark.parametrize("make", [_linear, _mlp, _lenet, _gpt])
def test_a_saved_step_trains_on_with_numpy_alone(make, tmp_path):
    xdl.seed(0)
    model, arguments = make()
    fast = _trained(model, xdl.optim.AdamW(model, lr=0.01), *arguments)
    path = tmp_path / "step.py"
    fast.program.save(path)
    np.savez(tmp_path / "batch.npz", *arguments)

    code = (
        "import numpy as np, step; b = np.load('batch.npz'); "
        "print([float(step.step(b['arr_0'], b['arr_1'])) for _ in range(3)])"
    )
    printed = _run_without_xdl(path, code)

    expected = [fast(*arguments).item() for _ in range(3)]
    np.testing.assert_allclose(eval(printed), expected, rtol=1e-5)


def test_a_saved_forward_function_predicts_with_numpy_alone(tmp_path):
    model = xdl.models.MLP([64, 16, 10]).eval()
    x, _ = _digits()
    predict = compile(model.forward, model)
    expected = predict(x)
    path = tmp_path / "predict.py"
    predict.program.save(path)
    np.save(tmp_path / "x.npy", x)

    code = (
        "import numpy as np, predict; np.save('y.npy', predict.step(np.load('x.npy')))"
    )
    _run_without_xdl(path, code)

    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected.numpy(), rtol=1e-5)


def test_a_saved_step_adds_many_rows_as_the_compiled_one(tmp_path):
    def step(x):
        return xdl.mean(x, axis=0), xdl.matmul(xdl.permute_dims(x, (1, 0)), x[:, :1])

    x = np.full((200_000, 3), 0.1, np.float32)
    fast = compile(step)
    mean, product = fast(x)
    fast.program.save(tmp_path / "sums.py")
    np.save(tmp_path / "x.npy", x)

    code = (
        "import numpy as np, sums; mean, product = sums.step(np.load('x.npy')); "
        "np.savez('y.npz', mean=mean, product=product)"
    )
    _run_without_xdl(tmp_path / "sums.py", code)

    found = np.load(tmp_path / "y.npz")
    np.testing.assert_array_equal(found["mean"], mean.numpy())
    np.testing.assert_array_equal(found["product"], product.numpy())


def test_saving_needs_the_name_of_a_python_file(tmp_path):
    model = xdl.LinearModel(64, 10)
    fast = _trained(model, xdl.SGD(model), *_digits())

    with pytest.raises(xdl.ArgumentError, match=r"needed a name that ends in \.py"):
        fast.program.save(tmp_path / "step")
