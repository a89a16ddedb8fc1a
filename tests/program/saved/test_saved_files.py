"""Files of saved programs: their arguments, and saves that fail."""

import importlib.util
import math

import numpy as np
import pytest

import xdl
from tests.support.faults import fault
from xdl import ArgumentError, Variable
from xdl.program import compile


def _loaded(program, path):
    """Save a program and load its file."""
    program.save(path)
    spec = importlib.util.spec_from_file_location("saved", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@fault(
    86,
    (np.ones((1, 64), np.float32), ValueError),
    (np.ones((8, 64), np.float32), ValueError),
    (np.ones((4, 65), np.float32), ValueError),
    (np.ones(64, np.float32), ValueError),
    (np.float32(1), ValueError),
    (np.ones((4, 64)), TypeError),
    (np.ones((4, 64), np.float16), TypeError),
    (np.ones((4, 64), int), TypeError),
    (np.ones((4, 64), bool), TypeError),
    (None, ValueError),
    ("text", ValueError),
    (np.full((4, 64), None), TypeError),
    names=("x", "error"),
)
def test_another_shape_or_dtype_is_refused_and_nothing_changes(x, error, tmp_path):
    model = xdl.LinearModel(64, 10)
    optimizer = xdl.SGD(model)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast = compile(step, model, optimizer)
    fast(np.ones((4, 64), np.float32), np.zeros(4, int))
    module = _loaded(fast.program, tmp_path / "step.py")
    before = {name: array.copy() for name, array in module.state.items()}

    with pytest.raises(error, match=r"step: (x|target) has .*, needed"):
        module.step(x, np.zeros(4, int))

    assert [] == [n for n, old in before.items() if (old != module.state[n]).any()]


@fault(86, "0.1", None, True, np.ones(2), 1j, names="value")
def test_what_is_no_number_is_refused(value, tmp_path):
    fast = compile(lambda x, alpha: x * alpha)
    x = np.ones(2, np.float32)
    fast(x, 0.5)
    module = _loaded(fast.program, tmp_path / "step.py")

    with pytest.raises(TypeError, match="step: alpha is .*, needed a float"):
        module.step(x, value)

    assert [3.0, 3.0] == module.step(x, 3).tolist()
    assert [0.25, 0.25] == module.step(x, np.float32(0.25)).tolist()


@pytest.mark.parametrize(
    "step, same, other",
    [
        (lambda x, a: x * a if a > 0.5 else x, 0.9, 0.5),
        (lambda x, a: x * a if a * 2 < a + 1 else x, 0.9, 1.1),
        (lambda x, a: x * a if a else x, 0.9, 0.0),
        (lambda x, a: x * 2 if int(a * 10) == 7 else x, 0.71, 0.8),
        (lambda x, a: xdl.leaky_relu(x, a), 0.7, 0.8),
    ],
)
def test_a_float_that_is_answered_otherwise_is_refused(step, same, other, tmp_path):
    fast = compile(step)
    x = np.ones(2, np.float32)
    fast(x, 0.7)

    module = _loaded(fast.program, tmp_path / "step.py")

    np.testing.assert_allclose(module.step(x, same), fast(x, same).numpy())
    with pytest.raises(ValueError, match="step: recorded for another answer to"):
        module.step(x, other)


def test_a_float_whose_text_decides_is_no_program_to_save(tmp_path):
    fast = compile(lambda x, a: x * 2 if f"{a:.1f}" == "0.7" else x)
    fast(np.ones(2, np.float32), 0.7)

    with pytest.raises(ArgumentError, match="asks a float argument"):
        fast.program.save(tmp_path / "step.py")


def test_a_training_step_with_dropout_draws_what_xdl_draws(tmp_path):
    model = xdl.models.MLP([6, 20, 3], dropout=0.5)
    optimizer = xdl.SGD(model, lr=0.1)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast = compile(step, model, optimizer)
    rng = np.random.default_rng(0)
    x, target = rng.random((4, 6), dtype=np.float32), np.array([0, 1, 2, 0])
    for _ in range(3):
        fast(x, target)
    module = _loaded(fast.program, tmp_path / "step.py")

    xdl.seed(7)
    expected = [fast(x, target).item() for _ in range(4)]
    draws = [module.draws * i for i in range(4)]
    found = [float(module.step(x, target, key=7, draw=draw)) for draw in draws]

    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert "draw: how many draws were taken before" in module.step.__doc__


@pytest.mark.parametrize(
    "number", [0.0, -0.0, 0.1, math.nan, math.inf, True, 7, np.float32(1e-45)]
)
def test_a_constant_that_repeats_a_number_is_stored_as_it(number, tmp_path):
    table = np.full((500, 1000), number)
    table = table.astype(np.float32) if table.dtype == np.float64 else table
    fast = compile(lambda x: (x, table))
    x = np.ones(1, np.float32)
    fast(x)

    module = _loaded(fast.program, tmp_path / "step.py")

    found = module.step(x)[1]
    assert (table.dtype, table.tobytes()) == (found.dtype, found.tobytes())
    assert (tmp_path / "step.npz").stat().st_size < 5000


def test_numbers_that_are_no_fill_stay_as_they_are(tmp_path):
    table = np.zeros(1000, np.float32)
    table[7:9] = -0.0, np.nan
    fast = compile(lambda x: (x, table))
    fast(np.ones(1, np.float32))

    module = _loaded(fast.program, tmp_path / "step.py")

    found = module.step(np.ones(1, np.float32))[1]
    assert table.tobytes() == found.tobytes()


def _saved(tmp_path):
    """Return a compiled step whose program is saved, and the bytes of both files."""
    weight = Variable([1.0, 2.0], name="weight")
    fast = compile(lambda x: x * weight, weight)
    fast(np.ones(2, np.float32))
    fast.program.save(tmp_path / "step.py")
    return fast, _bytes_in(tmp_path)


def _bytes_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("place", ["np.savez", "os.fsync", "pathlib.Path.replace"])
def test_a_save_that_fails_leaves_both_old_files(place, tmp_path, monkeypatch):
    fast, before = _saved(tmp_path)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.replace("np.", "numpy."), fail)
    with pytest.raises(OSError, match="No space"):
        fast.program.save(tmp_path / "step.py")

    assert before == _bytes_in(tmp_path)


@pytest.mark.parametrize("suffix", [".py", ".npz"])
def test_a_target_that_is_a_folder_leaves_the_other_file(suffix, tmp_path):
    fast, before = _saved(tmp_path)
    (tmp_path / f"step{suffix}").unlink()
    (tmp_path / f"step{suffix}").mkdir()

    with pytest.raises(IsADirectoryError):
        fast.program.save(tmp_path / "step.py")

    (other,) = [path for path in tmp_path.iterdir() if path.is_file()]
    assert before[other.name] == other.read_bytes()


def test_a_file_and_the_arrays_of_another_program_are_refused(tmp_path):
    fast, _ = _saved(tmp_path)
    other = compile(lambda x: x + 1)
    other(np.ones(2, np.float32))
    other.program.save(tmp_path / "other.py")
    (tmp_path / "other.npz").replace(tmp_path / "step.npz")

    with pytest.raises(ValueError, match="of another program"):
        exec((tmp_path / "step.py").read_text(), {"__file__": tmp_path / "step.py"})


def test_new_arrays_of_the_same_program_are_taken(tmp_path):
    fast, _ = _saved(tmp_path)
    with np.load(tmp_path / "step.npz") as stored:
        arrays = {**stored, "weight": np.array([5.0, 6.0], np.float32)}
    np.savez(tmp_path / "step.npz", **arrays)
    names = {"__file__": tmp_path / "step.py"}

    exec((tmp_path / "step.py").read_text(), names)

    assert [5.0, 6.0] == names["step"](np.ones(2, np.float32)).tolist()


def test_state_that_is_another_since_is_refused(tmp_path):
    fast, before = _saved(tmp_path)
    fast.state.slots[0].variable._value = np.ones(3, np.float32)

    with pytest.raises(ArgumentError, match="'weight' has changed its shape"):
        fast.program.save(tmp_path / "step.py")

    assert before == _bytes_in(tmp_path)


def test_the_text_does_not_depend_on_the_locale(tmp_path):
    weight = Variable([1.0], name="größe")

    class Grün(xdl.nn.Linear):
        pass

    model = Grün(1, 1)
    fast = compile(lambda x: model(x) + weight, model, weight)
    fast(np.ones((1, 1), np.float32))

    fast.program.save(tmp_path / "step.py")

    text = (tmp_path / "step.py").read_bytes().decode("utf-8")
    assert "Grün" in text
    assert "gr_e" in text


def test_a_step_of_the_native_executor_runs_from_its_file(tmp_path):
    pytest.importorskip("numba")
    model = xdl.models.LeNet(size=8, window=3)
    optimizer = xdl.SGD(model, lr=0.01)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast = compile(step, model, optimizer, executor="numba")
    x, target = np.ones((2, 1, 8, 8), np.float32), np.array([1, 7])
    fast(x, target)

    module = _loaded(fast.program, tmp_path / "step.py")

    found = [float(module.step(x, target)) for _ in range(3)]
    np.testing.assert_allclose(
        found, [fast(x, target).item() for _ in range(3)], rtol=1e-5
    )
