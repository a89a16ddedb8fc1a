"""What is saved, and that it comes back."""

import json
import math
import os
import pathlib
import stat
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

import xdl
from tests.io.trained import Training
from tests.support.faults import fault
from xdl import GraphError, Parameter, Variable
from xdl.backend import random


@pytest.fixture
def path(tmp_path):
    """Return where a checkpoint may be."""
    return tmp_path / "last.safetensors"


def _equal(a, b):
    """Tell whether two arrays are the same to the bit."""
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


every_training = fault(45, {}, {"is_compiled": True}, {"is_compiled": True, "drops": 0})


@every_training
def test_training_goes_on_from_a_checkpoint_as_if_never_interrupted(case, path):
    straight = Training(0, **case)
    straight.run(5)
    xdl.save(path, **straight.things(), step=5)
    losses = straight.run(5)
    resumed = Training(7, **case)
    resumed.run(2)

    rest = xdl.load(path, **resumed.things(), random=True)

    assert {"step": 5} == rest
    assert losses == resumed.run(5)
    assert straight.bits() == resumed.bits()
    assert straight.optimizer.lr == resumed.optimizer.lr


@every_training
def test_training_goes_back_to_a_checkpoint_in_place(case, path):
    training = Training(0, **case)
    training.run(5)
    xdl.save(path, **training.things())
    losses, bits = training.run(5), training.bits()

    xdl.load(path, **training.things(), random=True)

    assert losses == training.run(5)
    assert bits == training.bits()


def test_dropout_goes_on_elsewhere_without_the_random_draws(path):
    training = Training(0)
    xdl.save(path, **training.things())
    losses = training.run(5)

    xdl.load(path, **training.things())

    assert losses != training.run(5)


@fault(45, {}, {"random": False})
def test_random_draws_stay_where_they_are_unless_asked_for(case, path):
    xdl.seed(1)
    xdl.save(path, epoch=1)
    xdl.seed(2)
    before = random.state()

    xdl.load(path, **case)

    assert before == random.state()


def test_rate_that_was_set_by_hand_is_kept_beside_a_schedule(path):
    first, second = Training(0), Training(0)
    first.optimizer.lr = 0.0625
    xdl.save(path, optimizer=first.optimizer, schedule=first.schedule)

    xdl.load(path, optimizer=second.optimizer, schedule=second.schedule)

    assert 0.0625 == second.optimizer.lr


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.0),
        np.array([True, False]),
        np.arange(3, dtype=np.float16),
        np.arange(3).astype(ml_dtypes.bfloat16),
        np.arange(-3, 3, dtype=np.int8),
        np.array([2**64 - 1], np.uint64),
        np.zeros((0, 3), np.float32),
        np.array([np.nan, -0.0, np.inf]),
        np.broadcast_to(np.float32(1), (2, 3)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_array_comes_back_to_the_bit_and_can_be_written_to(path, array):
    xdl.save(path, history={"a": [1, array]})

    (one, back) = xdl.load(path)["history"]["a"]

    assert 1 == one
    assert _equal(array, back)
    assert back.flags.writeable


@fault(
    51,
    np.arange(6.0).reshape(2, 3).T,
    np.arange(20.0).reshape(4, 5)[1:3, ::2],
    np.arange(6.0)[::-1],
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3, dtype=">f8"),
)
def test_array_that_is_no_plain_block_of_memory_comes_back_equal(case, path):
    weight = Variable([0.0]).detach()
    weight._value = case
    xdl.save(path, array=case, weight=weight)

    saved = xdl.load(path)

    assert case.tolist() == saved["array"].tolist() == saved["weight"].tolist()
    assert np.dtype("f8") == saved["array"].dtype


@pytest.mark.parametrize(
    "value",
    [0, -1.5, True, None, "à\ud800\0", [], {}, [1, [2]], {"a": {"b": []}}, 2**200],
    ids=repr,
)
def test_value_comes_back_equal_and_of_its_type(path, value):
    xdl.save(path, value=value)

    back = xdl.load(path)["value"]

    assert value == back
    assert type(value) is type(back)


@pytest.mark.parametrize("number", [np.float32(0.5), np.int64(3), np.bool(True)])
def test_number_of_numpys_comes_back_as_pythons(path, number):
    xdl.save(path, number=number)

    assert type(number.item()) is type(xdl.load(path)["number"])


def test_shared_weight_is_saved_once_and_stays_shared(path):
    class Tied(xdl.Module):
        def __init__(self):
            super().__init__()
            self.encoder = xdl.nn.Linear(2, 2, bias=False)
            self.decoder = self.encoder

    model, other = Tied(), Tied()
    xdl.save(path, model=model)

    xdl.load(path, model=other)

    assert ["model/encoder/weight"] == list(load_file(path))
    assert other.decoder.weight is other.encoder.weight
    assert _equal(model.encoder.weight.numpy(), other.decoder.weight.numpy())


def test_other_libraries_read_the_arrays(path):
    training = Training(0)
    xdl.save(path, model=training.model, optimizer=training.optimizer)

    arrays = load_file(path)

    for name, variable in training.model.parameter.items():
        assert _equal(variable.numpy(), arrays[f"model/{name}"])
    assert len(training.model.parameter) + len(training.optimizer.state) == len(arrays)


def test_every_array_starts_where_its_elements_may(path):
    xdl.save(
        path, a=np.ones(3, bool), b=np.ones(3, "f2"), c=np.ones(3), d=np.ones(3, "f4")
    )

    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + length])

    assert 0 == length % 8
    starts = {name: head[name]["data_offsets"][0] for name in "abcd"}
    assert {"c": 0, "d": 24, "b": 36, "a": 42} == starts


def test_state_that_state_dict_returned_is_saved_as_the_thing_is(path):
    model = Training(0).model
    xdl.save(path, model=model.parameter.state_dict())
    other = Training(1).model

    xdl.load(path, model=other)

    assert {n: v.tolist() for n, v in model.parameter.state_dict().items()} == {
        n: v.tolist() for n, v in other.parameter.state_dict().items()
    }


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_generator_goes_on_where_it_stood(path, kind):
    def made(seed):
        return np.random.Generator(getattr(np.random, kind)(seed))

    first, second = made(1), made(2)
    first.random(5)
    xdl.save(path, rng=first)

    xdl.load(path, rng=second)

    assert first.random(5).tolist() == second.random(5).tolist()


@pytest.mark.parametrize("make", [Parameter, lambda: Variable([1.0, 2.0])])
def test_store_and_variable_are_saved_by_themselves(path, make):
    thing = make()
    if isinstance(thing, Parameter):
        thing.get_variable("w", [2], lambda shape: [1.0, 2.0])
    v = thing["w"] if isinstance(thing, Parameter) else thing
    xdl.save(path, thing=thing)
    v.value = [5.0, 5.0]

    xdl.load(path, thing=thing)

    assert [1.0, 2.0] == v.numpy().tolist()


@pytest.mark.parametrize("value", [math.inf, -math.inf, np.array([np.inf, -np.inf])])
def test_infinity_of_a_value_is_saved(path, value):
    xdl.save(path, best=value)

    assert np.array_equal(value, xdl.load(path)["best"])


def test_infinity_in_a_constant_of_a_store_is_refused_by_its_name(path):
    parameter = Parameter()
    parameter.register("mask", Variable([0.0, -math.inf], trainable=False))

    with pytest.raises(xdl.CheckpointError, match="'mask' holds NaN or infinity$"):
        xdl.save(path, parameter=parameter)


def test_backward_across_a_load_is_refused(path):
    model = xdl.LinearModel(3, 2)
    xdl.save(path, model=model)
    model.forward(np.ones((1, 3)))
    model.loss([0])

    xdl.load(path, model=model)

    with pytest.raises(GraphError, match="changed"):
        model.backward()


@pytest.mark.parametrize("call", [xdl.save, xdl.load])
def test_checkpoint_in_a_compiled_step_is_refused(path, call):
    model = xdl.LinearModel(3, 2)
    xdl.save(path, model=model)

    def step(x):
        call(path, model=model)
        return model.forward(x)

    with pytest.raises(GraphError, match=f"compile: {call.__name__} was called in"):
        xdl.compile(step, model)(np.ones((1, 3), np.float32))


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
def test_path_may_be_of_every_kind(path, kind):
    xdl.save(kind(path), epoch=1)

    assert {"epoch": 1} == xdl.load(kind(path))


def test_link_stays_a_link_to_the_file_that_was_replaced(path, tmp_path):
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "1.safetensors"
    path.symlink_to(target)

    xdl.save(path, epoch=1)

    assert path.is_symlink()
    assert {"epoch": 1} == xdl.load(target)


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_replaced_file_keeps_its_permissions(path, mode):
    xdl.save(path, epoch=1)
    path.chmod(mode)

    xdl.save(path, epoch=2)

    assert mode == stat.S_IMODE(path.stat().st_mode)


def test_new_file_has_the_permissions_that_the_process_gives(path):
    plain = path.with_name("plain")
    plain.touch()

    xdl.save(path, epoch=1)

    assert plain.stat().st_mode == path.stat().st_mode


def test_import_of_xdl_loads_no_checkpoint_library():
    code = (
        "import sys, xdl; print({'safetensors', 'xdl.io.checkpoint'} & {*sys.modules})"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ("set()\n", "") == (run.stdout, run.stderr)
