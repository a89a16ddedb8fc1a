"""The choice of device, and the namespace that an array belongs to."""

import importlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import xdl
from xdl import DeviceError, DtypeError, Variable, backend
from xdl.backend import Device
from xdl.backend import numpy as host

device_module = importlib.import_module("xdl.backend.device")  # a function has its name


@pytest.fixture(autouse=True)
def _no_choice_yet():
    """Start from the CPU, and leave no choice behind."""
    before = device_module._current.get()
    device_module._current.set(None)
    yield
    device_module._current.set(before)


@pytest.fixture
def environment(monkeypatch):
    """Set ``XDL_DEVICE`` as if at the start of a process."""

    def choose(name):
        monkeypatch.setenv("XDL_DEVICE", name)
        monkeypatch.setattr(device_module, "_environment", {})

    return choose


@pytest.fixture
def no_cupy(monkeypatch):
    """Make ``import cupy`` fail as it does where CuPy is not installed."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "xdl.backend.cupy", raising=False)


@pytest.mark.parametrize(
    ("name", "text", "kind", "index"),
    [
        ("cpu", "cpu", "cpu", 0),
        ("cuda", "cuda:0", "cuda", 0),
        ("cuda:3", "cuda:3", "cuda", 3),
        (Device("cuda:12"), "cuda:12", "cuda", 12),
    ],
)
def test_a_device_is_a_string_with_a_kind_and_an_index(name, text, kind, index):
    device = Device(name)

    assert (text, kind, index) == (device, device.kind, device.index)
    assert hash(text) == hash(device)


@pytest.mark.parametrize(
    "name", ["gpu", "CPU", "cuda:", "cuda:-1", "cuda:0x", "", None, 1, b"cpu"]
)
def test_an_unknown_device_is_refused(name):
    with pytest.raises(
        DeviceError, match="came, needed 'cpu', 'cuda', 'cuda:N' or 'auto'"
    ):
        Device(name)


@pytest.mark.parametrize("name", ["cpu", ""])
def test_the_environment_chooses_and_empty_means_the_cpu(environment, name):
    environment(name)

    assert "cpu" == xdl.device()


def test_without_the_environment_variable_it_is_the_cpu(environment, monkeypatch):
    environment("cpu")
    monkeypatch.delenv("XDL_DEVICE")

    assert "cpu" == xdl.device()


def test_an_unknown_name_in_the_environment_is_refused_at_each_use(environment):
    environment("tpu")

    with pytest.raises(DeviceError, match="'tpu' came"):
        xdl.device()
    with pytest.raises(DeviceError, match="'tpu' came"):
        Variable([1.0])


def test_a_choice_in_the_program_goes_before_the_environment(environment):
    environment("tpu")

    with xdl.use_device("cpu") as chosen:
        inside = xdl.device()

    assert ("cpu", "cpu") == (chosen, inside)
    pytest.raises(DeviceError, xdl.device)


def test_use_device_as_a_call_stays_and_a_block_ends(environment, monkeypatch):
    monkeypatch.setattr(device_module, "_require_cuda", lambda chosen, who: None)
    xdl.use_device("cuda:1")

    with xdl.use_device("cuda"):
        inside = xdl.device()

    assert ("cuda:0", "cuda:1") == (inside, xdl.device())


def test_use_device_ends_after_an_exception_too(monkeypatch):
    monkeypatch.setattr(device_module, "_require_cuda", lambda chosen, who: None)

    with pytest.raises(KeyError), xdl.use_device("cuda"):
        raise KeyError

    assert "cpu" == xdl.device()


def test_a_refused_choice_changes_nothing():
    pytest.raises(DeviceError, xdl.use_device, "gpu")

    assert "cpu" == xdl.device()


def test_a_choice_is_not_seen_by_another_thread(monkeypatch):
    monkeypatch.setattr(device_module, "_require_cuda", lambda chosen, who: None)
    seen = []

    with xdl.use_device("cuda"):
        thread = threading.Thread(target=lambda: seen.append(xdl.device()))
        thread.start()
        thread.join()

    assert ["cpu"] == seen


def test_cuda_without_cupy_says_what_to_install(no_cupy):
    with pytest.raises(
        DeviceError, match=r'use_device: cuda:0 came, .*pip install "xdl\[cuda\]"'
    ):
        xdl.use_device("cuda")


def test_cuda_in_the_environment_without_cupy_never_falls_back(environment, no_cupy):
    environment("cuda")

    with pytest.raises(DeviceError, match=r"XDL_DEVICE: cuda:0 came, .*xdl\[cuda\]"):
        Variable([1.0])


def test_moving_a_model_to_cuda_without_cupy_changes_nothing(no_cupy):
    model = xdl.nn.Linear(2, 2)

    with pytest.raises(DeviceError, match="cuda:0 came"):
        model.to("cuda")

    assert {"cpu"} == {v.device for v in model.parameter.values()}


def test_auto_without_a_gpu_takes_the_cpu_and_says_so(no_cupy, capsys):
    with xdl.use_device("auto") as chosen:
        pass

    assert "cpu" == chosen
    assert "xdl: use_device 'auto' chose cpu: " in capsys.readouterr().err


def test_auto_with_a_gpu_takes_it_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr(device_module, "_require_cuda", lambda chosen, who: None)

    with xdl.use_device("auto") as chosen:
        pass

    assert "cuda:0" == chosen
    assert "chose cuda:0: a usable GPU was found" in capsys.readouterr().err


def test_importing_xdl_imports_no_optional_library():
    code = "import sys, xdl; print(*sys.modules)"
    optional = {
        "cupy",
        "sklearn",
        "matplotlib",
        "scipy",
        "torch",
        "tqdm",
        "onnx",
        "numba",
    }

    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert set() == optional & set(run.stdout.split())


def test_importing_xdl_works_where_the_device_is_wrong():
    code = (
        "import xdl\ntry: xdl.device()\nexcept xdl.DeviceError as error: print(error)"
    )

    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "XDL_DEVICE": "tpu"},
    )

    assert "'tpu' came, needed 'cpu', 'cuda', 'cuda:N' or 'auto'" in run.stdout


class TestArrays:
    """Bringing any input to an array, and finding its namespace."""

    @pytest.mark.parametrize("array", [np.ones(2), np.float32(1), np.zeros((), bool)])
    def test_namespace_of_numpys_arrays_and_scalars_is_numpys(self, array):
        assert host is backend.namespace(array)

    @pytest.mark.parametrize("value", [1.0, [1.0], "a", None])
    def test_namespace_of_what_is_no_array_is_none(self, value):
        assert backend.namespace(value) is None

    def test_a_memmap_becomes_a_plain_array(self, tmp_path):
        mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(3,))
        mapped[:] = 2

        array = backend.asarray(mapped)

        assert host is backend.namespace(mapped)
        assert (np.ndarray, [2.0] * 3) == (type(array), array.tolist())

    def test_an_array_that_needs_no_change_is_not_copied(self):
        array = np.ones(3, np.float32)

        assert array is backend.asarray(array)

    def test_a_big_endian_array_becomes_native(self):
        array = backend.asarray(np.array([1.0, 2.0], ">f4"))

        assert (True, [1.0, 2.0]) == (array.dtype.isnative, array.tolist())

    def test_an_array_of_another_library_comes_in_by_dlpack(self):
        class Foreign:
            def __init__(self):
                self.array = np.array([1.0, 2.0], np.float32)

            def __dlpack__(self, **options):
                return self.array.__dlpack__(**options)

            def __dlpack_device__(self):
                return self.array.__dlpack_device__()

        array = backend.asarray(Foreign())

        assert (np.float32, [1.0, 2.0]) == (array.dtype, array.tolist())

    def test_a_foreign_array_whose_dlpack_fails_is_refused_by_its_dtype(self):
        class Broken:
            def __dlpack__(self, **options):
                raise BufferError("not on this device")

            def __dlpack_device__(self):
                return (1, 0)

        with pytest.raises(DtypeError, match=r"Broken came \(dtype object\)"):
            backend.asarray(Broken())

    @pytest.mark.parametrize(
        ("dtype", "name"),
        [
            ("float32", "float32"),
            (np.int8, "int8"),
            (bool, "bool"),
            (float, "float64"),
            (int, "int64"),
        ],
    )
    def test_parse_dtype_names_a_dtype(self, dtype, name):
        assert name == backend.parse_dtype(dtype)

    @pytest.mark.parametrize("dtype", ["c8", "O", "M8[D]", "U3", complex])
    def test_parse_dtype_refuses_what_holds_no_real_numbers(self, dtype):
        with pytest.raises(DtypeError, match="needed bool, an integer or one of"):
            backend.parse_dtype(dtype)

    @pytest.mark.parametrize("dtype", [np.longlong, np.ulonglong])
    def test_the_long_integers_are_known_by_their_width(self, dtype):
        x = Variable(np.ones(2, dtype))

        assert [2, 2] == (x + x).numpy().tolist()

    def test_registering_a_library_makes_its_arrays_known(self, monkeypatch):
        class Other(np.ndarray):
            pass

        monkeypatch.setattr(backend, "NAMESPACES", dict(backend.NAMESPACES))
        monkeypatch.setattr(backend, "_LIBRARIES", dict(backend._LIBRARIES))
        monkeypatch.setattr(backend, "ARRAYS", set(backend.ARRAYS))

        backend.register(Other, host, object())

        assert host is backend.namespace(np.ones(2).view(Other))

    def test_a_device_without_a_library_is_refused(self):
        with pytest.raises(DeviceError, match="no array library is registered for tpu"):
            backend._library_of(_Tpu())


class _Tpu:
    kind = "tpu"

    def __str__(self):
        return "tpu"
