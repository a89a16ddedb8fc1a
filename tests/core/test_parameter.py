"""Parameter: the named store, mounting, and its all-or-nothing state."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, CheckpointError, Parameter, ShapeError, Variable
from xdl.core.parameter import scaled_normal


@pytest.fixture
def parameter():
    """A store with a weight, a bias and a frozen counter."""
    parameter = Parameter()
    parameter.get_variable("weight", [2, 3])
    parameter.get_variable("bias", 3, np.zeros)
    parameter.get_variable("count", (), np.zeros, dtype="int64", trainable=False)
    return parameter


def test_get_variable_returns_the_same_variable_again(parameter):
    again = parameter.get_variable("weight", (2, 3), np.zeros)

    assert parameter["weight"] is again
    assert ("weight", True, np.float32) == (again.name, again.trainable, again.dtype)


@pytest.mark.parametrize("shape", [[3, 2], 6, (), (2, 3, 1)])
def test_get_variable_with_another_shape_is_refused(parameter, shape):
    with pytest.raises(
        ShapeError, match=r'"weight": shape .* came, but it exists .*\(2, 3\)'
    ):
        parameter.get_variable("weight", shape)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(3, (3,)), (np.int64(3), (3,)), ((), ()), ([2, np.int8(0)], (2, 0))],
)
def test_shape_is_an_int_or_a_sequence_of_ints(shape, expected):
    variable = Parameter().get_variable("w", shape)

    assert expected == variable.shape


@pytest.mark.parametrize("shape", [-1, (2, -3), "23", 2.0, (2.5,), None])
def test_a_shape_that_is_none_is_refused_and_nothing_is_stored(shape):
    parameter = Parameter()

    with pytest.raises(ArgumentError, match=r'"w": shape .* needed non-negative ints'):
        parameter.get_variable("w", shape)
    assert 0 == len(parameter)


@pytest.mark.parametrize("name", ["", None, 3, b"w"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ArgumentError, match="needed a new, non-empty name"):
        Parameter().get_variable(name, 3)


def test_the_name_of_a_mount_is_not_free_for_a_variable(parameter):
    whole = Parameter()
    whole.mount("layer", parameter)

    with pytest.raises(ArgumentError, match="'layer' came"):
        whole.get_variable("layer", 3)


def test_an_initializer_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"returned shape \(3,\), needed \(2, 3\)"):
        Parameter().get_variable("w", [2, 3], lambda shape: np.zeros(3))


@pytest.mark.parametrize(
    "initializer", [np.ones, xdl.init.ones, lambda shape: np.ones(shape, int)]
)
@pytest.mark.parametrize("dtype", [None, "float64", np.float16])
def test_an_initializer_gives_the_values_in_the_dtype_asked_for(initializer, dtype):
    w = Parameter().get_variable("w", [2], initializer, dtype)

    assert (np.dtype(dtype or "float32"), [1.0, 1.0]) == (w.dtype, w.numpy().tolist())


@pytest.mark.parametrize(
    ("shape", "deviation"), [((400, 50), 0.05), ((100, 200), 0.1), ((1, 20000), 1.0)]
)
def test_the_default_initializer_scales_by_the_root_of_the_rows(shape, deviation):
    xdl.seed(0)

    values = scaled_normal(shape)

    assert deviation == pytest.approx(values.std(), rel=0.05)
    assert abs(values.mean()) < 0.05 * deviation


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_the_default_initializer_takes_shapes_without_rows(shape):
    assert shape == np.shape(scaled_normal(shape))


def test_a_weight_used_at_two_time_steps_gets_the_sum_of_its_gradients():
    parameter = Parameter()

    def step(state):
        w = parameter.get_variable("w", [1, 1], lambda shape: np.full(shape, 3.0))
        return state @ w

    step(step(Variable([[1.0]], trainable=False))).sum().backward()

    assert [[6.0]] == parameter["w"].grad.tolist()


def test_a_store_is_a_mapping(parameter):
    names = ["weight", "bias", "count"]

    assert (names, names, 3) == (
        list(parameter),
        list(parameter.keys()),
        len(parameter),
    )
    assert names == [name for name, _ in parameter.items()]
    assert list(parameter.variable_dict.values()) == list(parameter.values())
    assert "weight" in parameter
    assert "other" not in parameter


def test_an_unknown_name_is_refused_with_the_known_ones(parameter):
    with pytest.raises(
        KeyError, match="no Variable 'w'; there are weight, bias, count"
    ):
        parameter["w"]
    with pytest.raises(KeyError, match="there are none"):
        Parameter()["w"]


def test_size_counts_trainable_elements(parameter):
    assert 9 == parameter.size


def test_repr_lists_names_and_shapes(parameter):
    assert "Parameter({weight: (2, 3), bias: (3,), count: ()})" == repr(parameter)


def test_clear_grads_clears_all_of_them(parameter):
    parameter["weight"].grad = np.ones((2, 3))

    parameter.clear_grads()

    assert [None] * 3 == [v.grad for v in parameter.values()]


def test_to_moves_every_variable(parameter, remote):
    weight = parameter["weight"]

    moved = parameter.to(remote)

    assert parameter is moved
    assert weight is parameter["weight"]
    assert [remote] * 3 == [v.device for v in parameter.values()]


class TestMounting:
    """Stores inside stores."""

    def test_names_of_a_mounted_store_stand_under_its_name(self, parameter):
        whole = Parameter()

        whole.mount("a", parameter)

        assert ["a/weight", "a/bias", "a/count"] == list(whole)
        assert parameter["weight"] is whole["a/weight"]

    def test_lists_tuples_dicts_and_modules_are_looked_into(self, parameter):
        layer, whole = xdl.nn.Linear(2, 3, bias=False), Parameter()
        whole.mount("blocks", [parameter, ({"x": layer}, "no store"), None])

        names = list(whole)

        assert "blocks/0/weight" == names[0]
        assert "blocks/1/0/x/weight" == names[-1]

    def test_a_list_is_looked_into_anew_each_time(self, parameter):
        whole, blocks = Parameter(), []
        whole.mount("blocks", blocks)

        blocks.append(parameter)

        assert 3 == len(whole)

    def test_a_tied_variable_stands_under_its_first_name_alone(self, parameter):
        whole = Parameter()
        whole.register("tied", parameter["weight"])
        whole.mount("a", parameter)
        whole.mount("b", parameter)

        assert ["tied", "a/bias", "a/count"] == list(whole)

    def test_stores_that_mount_each_other_are_walked_once(self, parameter):
        whole = Parameter()
        whole.mount("a", parameter)
        parameter.mount("back", whole)

        assert 3 == len(whole) == len(parameter)

    def test_unmounting_takes_the_names_away(self, parameter):
        whole = Parameter()
        whole.mount("a", parameter)

        whole.unmount("a")
        whole.unmount("never mounted")

        assert 0 == len(whole)


class TestState:
    """state_dict and load_state_dict: all or nothing."""

    def test_a_state_goes_into_another_store(self, parameter):
        other = Parameter()
        other.get_variable("weight", [2, 3])
        other.get_variable("bias", 3)
        other.get_variable("count", (), np.ones, dtype="int64", trainable=False)
        buffer = other["weight"].value

        other.load_state_dict(parameter.state_dict())

        assert buffer is other["weight"].value
        assert parameter["weight"].numpy().tolist() == other["weight"].numpy().tolist()
        assert 0 == other["count"].item()

    def test_a_state_is_a_copy(self, parameter):
        state = parameter.state_dict()

        state["bias"][0] = 7

        assert 0.0 == parameter["bias"].numpy()[0]

    def test_one_error_lists_all_that_is_wrong_and_nothing_changes(self, parameter):
        before = parameter.state_dict()
        state = {
            "extra": np.zeros(1),
            "weight": np.zeros((3, 2), np.float64),
            "count": np.array(4),
        }

        with pytest.raises(CheckpointError) as caught:
            parameter.load_state_dict(state)

        for fault in (
            "missing 'bias'",
            "unknown 'extra'",
            "'weight' has shape (3, 2), needed (2, 3)",
            "'weight' is float64, needed float32",
        ):
            assert fault in str(caught.value)
        assert repr(before) == repr(parameter.state_dict())

    def test_misfits_of_a_state_are_listed_and_nothing_changes(self, parameter):
        before = parameter.state_dict()
        state = {**before, "weight": np.ones((2, 3), np.float64), "extra": 1}
        del state["bias"]

        misfits = parameter.misfits(state)

        assert [
            "'weight' is float64, needed float32",
            "missing 'bias'",
            "unknown 'extra'",
        ] == misfits
        assert repr(before) == repr(parameter.state_dict())

    def test_a_state_that_fits_has_no_misfits_and_is_not_taken(self, parameter):
        state = parameter.state_dict()
        state["bias"] += 1

        assert [] == parameter.misfits(state)
        assert 0.0 == parameter["bias"].numpy()[0]

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_weight_that_is_not_finite_is_refused(self, parameter, bad):
        state = parameter.state_dict()
        state["weight"][1, 2] = bad

        with pytest.raises(CheckpointError, match="'weight' holds NaN or infinity"):
            parameter.load_state_dict(state)

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (None, "'weight': None came"),
            ("zeros", "'weight': strings came"),
            (1.0, r"'weight' has shape \(\), needed"),
            ([[0.0] * 3] * 2, "'weight' is float64, needed float32"),
        ],
    )
    def test_what_is_no_array_of_the_kind_is_refused(self, parameter, value, said):
        state = {**parameter.state_dict(), "weight": value}

        with pytest.raises(CheckpointError, match=said):
            parameter.load_state_dict(state)

    @pytest.mark.parametrize("state", [None, 3, ["weight", "bias", "count"]])
    def test_a_state_that_is_no_mapping_is_refused(self, parameter, state):
        with pytest.raises(CheckpointError):
            parameter.load_state_dict(state)

    def test_a_state_of_variables_is_taken_too(self, parameter):
        state = {
            name: Variable(array) for name, array in parameter.state_dict().items()
        }

        parameter.load_state_dict(state)

        assert 3 == len(parameter)
