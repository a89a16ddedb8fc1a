"""batches: every row once, in an order that can be had again from any place on."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, CheckpointError, DtypeError, EmptyBatchError, ShapeError
from xdl.train import batches

X = np.arange(22.0, dtype=np.float32).reshape(11, 2)
Y = np.arange(11)
either_way = pytest.mark.parametrize("prefetch", [0, 2])


class Table:
    """What pandas and polars have: columns with a name, and an array of them."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def rows(data):
    """Return the labels of the batches of an epoch, as lists."""
    return [list(y) for _, y in data]


@either_way
def test_batches_in_order_are_the_rows_as_they_stand(prefetch):
    found = list(batches(X, Y, 4, prefetch=prefetch))

    assert [4, 4, 3] == [len(y) for _, y in found]
    assert (np.concatenate([x for x, _ in found]) == X).all()
    assert (np.concatenate([y for _, y in found]) == Y).all()


@either_way
@pytest.mark.parametrize("seed", [0, None])
def test_a_shuffled_epoch_has_every_row_once_and_the_next_another_order(seed, prefetch):
    data = batches(X, Y, 4, shuffle=True, seed=seed, prefetch=prefetch)

    first, second = rows(data), rows(data)

    assert list(Y) == sorted(sum(first, [])) == sorted(sum(second, []))
    assert first != second


def test_rows_of_all_arrays_stay_together():
    for x, y in batches(X, Y, 4, shuffle=True, seed=3):
        assert (x[:, 0] == 2 * y).all()


def test_a_seed_gives_the_same_orders_again():
    a, b = (batches(X, Y, 4, shuffle=True, seed=5) for _ in range(2))

    assert [rows(a), rows(a)] == [rows(b), rows(b)]
    assert rows(a) != rows(batches(X, Y, 4, shuffle=True, seed=6))


def test_without_a_seed_the_orders_are_those_of_the_seed_of_xdl():
    def drawn(seed):
        xdl.seed(seed)
        return rows(batches(X, Y, 4, shuffle=True))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize(("size", "expected"), [(4, [4, 4]), (11, [11]), (5, [5, 5])])
def test_drop_last_leaves_out_what_is_no_whole_batch(size, expected):
    data = batches(X, Y, size, drop_last=True)

    assert expected == [len(y) for _, y in data]
    assert len(expected) == len(data)


def test_without_targets_a_batch_is_the_array_alone():
    assert [(4, 2), (4, 2), (3, 2)] == [x.shape for x in batches(X, size=4)]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("nesting", [tuple, list])
def test_several_inputs_are_cut_alike(nesting, shuffle):
    data = batches(nesting([X, Y]), {"a": Y}, 4, shuffle, 0)

    for (x, again), targets in data:
        assert (x[:, 0] == 2 * again).all()
        assert (again == targets["a"]).all()


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_memory_map_gives_plain_arrays(shuffle, prefetch, tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")

    found = list(batches(mapped, size=4, shuffle=shuffle, seed=0, prefetch=prefetch))

    assert {np.ndarray} == {type(x) for x in found}
    assert (np.sort(np.concatenate(found), axis=0) == X).all()


def test_a_table_is_taken_as_the_array_of_it():
    found = list(batches(Table(X), Table(Y), 11))

    assert (found[0][0] == X).all()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_of_a_library_is_taken(library):
    table = pytest.importorskip(library).DataFrame({"a": X[:, 0], "b": X[:, 1]})

    found = list(batches(table, table["a"], 4))

    assert (np.concatenate([x for x, _ in found]) == X).all()
    assert (np.concatenate([y for _, y in found]) == X[:, 0]).all()


@either_way
@pytest.mark.parametrize("place", range(4))
def test_an_epoch_goes_on_from_where_it_was_saved(place, prefetch, tmp_path):
    options = {"shuffle": True, "seed": 1, "prefetch": prefetch}
    whole = batches(X, Y, 4, **options)
    rows(whole)
    expected = rows(whole)[place:] + rows(whole)
    stopped = batches(X, Y, 4, **options)
    rows(stopped)
    running = iter(stopped)
    for _ in range(place):
        next(running)
    xdl.save(tmp_path / "data", data=stopped)
    resumed = batches(X, Y, 4, shuffle=True, seed=9)

    xdl.load(tmp_path / "data", data=resumed)

    assert expected == rows(resumed) + rows(resumed)


def test_a_state_after_the_end_of_an_epoch_is_the_start_of_the_next():
    data = batches(X, Y, 4, shuffle=True, seed=1)
    rows(data)
    other = batches(X, Y, 4, shuffle=True)

    other.load_state_dict(data.state_dict())

    assert {"seed": 1, "epoch": 1, "place": 0} == data.state_dict()
    assert rows(data) == rows(other)


def test_a_loop_that_ends_early_ends_its_epoch():
    data = batches(X, Y, 4, shuffle=True, seed=1)
    expected = [list(y) for _, y in data.of_epoch(1)]
    next(iter(data))

    assert expected == rows(data)


@pytest.mark.parametrize(
    "saved",
    [
        {"seed": 1, "epoch": 0},
        {"seed": -1, "epoch": 0, "place": 0},
        {"seed": 1, "epoch": 0, "place": 4},
        {"seed": 1, "epoch": 1.5, "place": 0},
        7,
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(saved):
    data = batches(X, Y, 4, shuffle=True, seed=3)
    before = data.state_dict()

    with pytest.raises(CheckpointError, match=r"Batches.load_state_dict"):
        data.load_state_dict(saved)

    assert before == data.state_dict()


def test_an_error_of_the_thread_comes_to_the_loop():
    class Failing(np.ndarray):
        def copy(self):
            raise OSError("the disk is gone")

    data = batches(X, size=4, prefetch=2)
    data._data = np.zeros((11, 2)).view(Failing)
    xdl.backend.ARRAYS.add(Failing)
    xdl.backend.NAMESPACES[Failing] = xdl.backend.numpy

    try:
        with pytest.raises(OSError, match="the disk is gone"):
            list(data)
    finally:
        xdl.backend.ARRAYS.discard(Failing)
        del xdl.backend.NAMESPACES[Failing]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "said"),
    [
        ((X, Y[:5]), {}, ShapeError, r"\(11, 2\) and \(5,\) came, needed as many rows"),
        ((X[:0],), {}, EmptyBatchError, "0 rows came, needed at least 1"),
        ((X, Y, 12), {"drop_last": True}, EmptyBatchError, "needed at least 12"),
        ((X, Y, 0), {}, ArgumentError, "Batches.size: 0 came, needed an int >= 1"),
        ((X, Y, 4, 1), {}, ArgumentError, "Batches.shuffle: 1 came, needed True"),
        ((X,), {"seed": -1}, ArgumentError, "Batches.seed: -1 came"),
        ((3.0,), {}, ShapeError, "batches: x: float came, needed rows"),
        ((X, [object()] * 11), {}, DtypeError, "batches: y: "),
        (([["a"], ["b"]],), {}, DtypeError, "batches: x: "),
        (
            (X,),
            {"batch_size": 4},
            ArgumentError,
            "'batch_size' came; it is called 'size' here",
        ),
    ],
)
def test_what_is_no_data_is_refused_in_a_sentence(arguments, options, error, said):
    with pytest.raises(error, match=said):
        batches(*arguments, **options)


def test_a_sparse_matrix_is_refused_with_the_remedy():
    sparse = pytest.importorskip("scipy.sparse")

    with pytest.raises(DtypeError, match=r"x: csr_array came, .*toarray\(\)"):
        batches(sparse.csr_array(X))
