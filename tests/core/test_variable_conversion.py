"""Variable: out to Python and NumPy, copies, and other devices."""

import copy
import pickle

import numpy as np
import pytest

import xdl
from xdl import DeviceError, DtypeError, GraphError, ShapeError, Variable


class TestConversion:
    """Out to Python and NumPy, and copies."""

    def test_numpy_returns_a_copy(self):
        x = Variable([1.0])

        x.numpy()[0] = 7

        assert 1.0 == x.item()

    def test_item_float_int_bool_and_index_read_the_one_element(self):
        x, n = Variable([[2.5]]), Variable(2)

        read = (x.item(), float(x), int(x), bool(x), [5, 6, 7][n])

        assert (2.5, 2.5, 2, True, 7) == read

    @pytest.mark.parametrize(
        "convert", [bool, float, int, Variable.item, "{:.2f}".format]
    )
    def test_conversion_of_several_elements_is_refused(self, convert):
        with pytest.raises(ShapeError, match=r"shape \(2,\) came where one element"):
            convert(Variable([1.0, 2.0]))

    def test_a_floating_variable_is_no_index(self):
        with pytest.raises(DtypeError, match="float32 is no index"):
            [1, 2][Variable(1.0)]

    def test_len_and_iteration_go_along_the_first_axis(self):
        x = Variable([[1.0, 2.0], [3.0, 4.0]])

        rows = list(x)

        assert (2, [[1.0, 2.0], [3.0, 4.0]]) == (
            len(x),
            [row.numpy().tolist() for row in rows],
        )
        assert all(row.trainable for row in rows)

    @pytest.mark.parametrize("use", [len, list])
    def test_a_single_number_has_no_length(self, use):
        with pytest.raises(ShapeError, match="a single number has no length"):
            use(Variable(1.0))

    def test_detach_gives_the_values_without_a_gradient(self):
        x = Variable([2.0])

        (x * x.detach() + (x * 3).detach()).backward()

        assert [2.0] == x.grad.tolist()

    def test_detach_of_a_leaf_is_not_changed_with_it(self):
        x = Variable([2.0])
        before = x.detach()

        x.value[0] = 7

        assert (2.0, False) == (before.item(), before.trainable)

    @pytest.mark.parametrize(
        ("variable", "text"),
        [
            (Variable([1.0, 2.0]), "Variable([1., 2.], dtype=float32)"),
            (Variable(2, name="n"), "Variable(2, name='n')"),
            (Variable([[True]]), "Variable([[ True]])"),
        ],
    )
    def test_repr_shows_values_dtype_and_name(self, variable, text):
        assert text == repr(variable)
        assert text == f"{variable}"

    def test_format_passes_a_spec_on_to_the_number(self):
        assert "1.50" == f"{Variable(1.5):.2f}"

    def test_hash_is_identity(self):
        x, same_values = Variable([1.0]), Variable([1.0])

        assert 2 == len({x, same_values, x})

    def test_asarray_is_a_read_only_view(self):
        x = Variable([1.0, 2.0])

        array = np.asarray(x)

        assert np.shares_memory(array, x.value)
        assert not array.flags.writeable

    def test_array_copies_and_converts_when_asked(self):
        array = np.array(Variable([1.0, 2.0]), dtype=np.float64)

        array[0] = 7

        assert (np.float64, [7.0, 2.0]) == (array.dtype, array.tolist())

    def test_dlpack_hands_the_array_over(self):
        x = Variable([1.0, 2.0])

        array = np.from_dlpack(x)

        assert [1.0, 2.0] == array.tolist()
        assert np.shares_memory(array, x.value)
        assert np.ones(2).__dlpack_device__() == x.__dlpack_device__()

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
    def test_a_copy_is_a_variable_of_its_own(self, duplicate):
        x = Variable([1.0, 2.0], name="w")

        copied = duplicate(x)
        copied.value[0] = 7

        assert ("w", True, np.float32) == (copied.name, copied.trainable, copied.dtype)
        assert [1.0, 2.0] == x.numpy().tolist()

    @pytest.mark.parametrize("variable", [Variable([1.0]), Variable([1], name="n")])
    def test_deepcopy_copies_the_gradient_too(self, variable):
        if variable.trainable:
            variable.grad = [5.0]

        copied = copy.deepcopy(variable)

        assert repr(variable.grad) == repr(copied.grad)

    @pytest.mark.parametrize("trainable", [True, False])
    def test_pickle_keeps_values_dtype_name_and_trainable(self, trainable):
        x = Variable(np.array([1.0, 2.0]), "w", trainable)

        loaded = pickle.loads(pickle.dumps(x))

        assert (repr(x), trainable) == (repr(loaded), loaded.trainable)

    @pytest.mark.parametrize(
        "duplicate", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
    )
    def test_the_result_of_an_operation_is_copied_without_its_graph(self, duplicate):
        y = Variable([1.0]) * 2

        copied = duplicate(y)

        assert (2.0, False, True) == (copied.item(), copied.trainable, y.trainable)


class TestDevices:
    """Moving, with a second device that is NumPy in disguise."""

    def test_to_the_same_device_changes_nothing(self):
        x = Variable([1.0])
        value = x.value

        assert x is x.to("cpu")
        assert value is x.value

    @pytest.mark.parametrize("device", ["gpu", "cuda:x", "", None, 0])
    def test_to_an_unknown_device_is_refused(self, device):
        with pytest.raises(DeviceError, match="needed 'cpu', 'cuda'"):
            Variable([1.0]).to(device)

    def test_to_moves_value_and_gradient_and_keeps_the_variable(self, remote):
        x = Variable([1.0, 2.0])
        x.grad = [3.0, 4.0]

        moved = x.to(remote)

        assert x is moved
        assert (remote, [3.0, 4.0]) == (x.device, x.grad.tolist())
        assert type(x.value) is type(x.grad)
        assert "device='cuda:1'" in repr(x)

    def test_to_and_back_gives_a_plain_array(self, remote):
        x = Variable([1, 2]).to(remote)

        x.to("cpu")

        assert (np.ndarray, [1, 2]) == (type(x.value), x.value.tolist())

    def test_a_move_between_use_and_backward_is_refused(self, remote):
        x = Variable([1.0])
        loss = x * x

        x.to(remote)

        with pytest.raises(GraphError, match="changed after"):
            loss.backward()

    def test_the_result_of_an_operation_cannot_be_moved(self, remote):
        with pytest.raises(GraphError, match="result of Multiply"):
            (Variable([1.0]) * 2).to(remote)

    def test_variables_on_two_devices_do_not_mix(self, remote):
        here, there = Variable([1.0], name="a"), Variable([1.0], name="b").to(remote)

        with pytest.raises(DeviceError, match=r'"a" is on cpu.*"b" on cuda:1'):
            xdl.add(here, there)

    def test_raw_arrays_follow_the_model_to_its_device(self, remote):
        w = Variable([1.0, 2.0]).to(remote)

        (np.array([3.0, 4.0]) * w).sum().backward()

        assert [3.0, 4.0] == w.grad.tolist()

    def test_an_array_on_another_device_is_not_read_by_numpy(self, remote):
        with pytest.raises(
            DeviceError, match=r"on cuda:1, needed the CPU; use .numpy\(\)"
        ):
            np.asarray(Variable([1.0]).to(remote))
