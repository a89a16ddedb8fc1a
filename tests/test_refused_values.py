"""Values that are no array of real numbers: refused in one place, with the remedy."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, CheckpointError, DtypeError, Variable
from xdl.nn import Linear

A = np.ones((3, 4), np.float32)


class Sparse:
    """What is asked of SciPy's sparse arrays."""

    shape = (3, 4)

    def toarray(self):
        return A


class OtherSparse:
    """What is asked of the sparse arrays of PyData."""

    def todense(self):
        return A


class Table:
    """What is asked of the tables of pandas."""

    columns = ("age", "town", "kind")
    dtypes = (np.dtype("float64"), np.dtype("object"), "category")

    def __array__(self, dtype=None, copy=None):
        return np.array([[1.0, "x", None]], object)


class MixedTable(Table):
    """A table whose columns are numbers and truth values."""

    dtypes = (np.dtype("float64"), np.dtype("bool"), np.dtype("int64"))


class Column:
    """What is asked of the columns of pandas."""

    dtype, iloc = "category", None

    def __array__(self, dtype=None, copy=None):
        return np.array(["x", "y"], object)


class Tensor:
    """What is asked of the tensors of other libraries."""

    def __init__(self, array, needs_grad=False):
        self.array, self.needs_grad = array, needs_grad

    def __dlpack__(self, **options):
        if self.needs_grad:
            raise BufferError("it needs a gradient")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __array__(self, dtype=None, copy=None):
        if self.needs_grad:
            raise RuntimeError("Can't call numpy() on a Tensor that requires grad")
        return self.array


class OnlyArray:
    """What is asked of objects that have ``__array__`` alone."""

    def __array__(self, dtype=None, copy=None):
        return A[:2, :2]


VALUES = [
    (MixedTable(), 'have no common dtype (dtype object); call .to_numpy("float32")'),
    (Sparse(), "a sparse Sparse came, needed a dense array; call .toarray()"),
    (OtherSparse(), "a sparse OtherSparse came, needed a dense array; call .todense()"),
    (Table(), "a Table came whose columns 'town' (object), 'kind' (category) are no"),
    (
        Column(),
        "a Column of dtype category came, needed numbers; encode text and categ",
    ),
    (["a", "b"], "strings came (dtype str32), needed numbers; encode them as integers"),
    ("abc", "strings came (dtype str96), needed numbers; encode them as integers"),
    (np.array(["a"]), "encode them as integers: np.unique(x, return_inverse=True)"),
    ([1, "a"], "strings came"),
    ([[1, 2], [3]], "lists of the lengths 1, 2 came (dtype object), needed one length"),
    (
        [[1, 2], 3],
        "lists of different depths or lengths came (dtype object), needed on",
    ),
    (
        [1.0, None],
        "dtype object came, with None at position 1; needed numbers everywhere",
    ),
    (np.array([[1, "a"]], object), "with str at position (0, 1); needed numbers every"),
    (
        np.array([1.5, 2], object),
        "dtype object came, needed numbers; convert it with .",
    ),
    ({"a": 1}, "dict came (dtype object), needed numbers, nested lists of them or an"),
    ({1}, "set came (dtype object), needed numbers"),
    ((n for n in "ab"), "generator came (dtype object), needed numbers"),
    (Linear, "class Linear came (dtype object), needed numbers"),
    (
        np.array([1j]),
        "dtype complex128 came, needed real numbers; pass .real and .imag",
    ),
    (
        np.array(["2020-01-01"], "M8[D]"),
        "divide differences of times by np.timedelta64(1",
    ),
    (np.zeros(2, [("a", "f4")]), "void"),
    (np.ma.array([1.0], mask=[True]), "a masked array came, needed one without a mask"),
    (10**30, "an int of 100 bits came (dtype object), needed at most 64"),
    (
        Tensor(A, needs_grad=True),
        "Tensor came, no array for NumPy (dtype object): Can't",
    ),
]
every_value = pytest.mark.parametrize(("value", "said"), VALUES, ids=range(len(VALUES)))


@every_value
def test_a_variable_of_it_is_refused_with_the_remedy(value, said):
    with pytest.raises(DtypeError) as caught:
        Variable(value)

    assert said in str(caught.value)


@every_value
@pytest.mark.parametrize(
    ("use", "who"),
    [
        (lambda x: xdl.exp(x), "Exp: x: "),
        (lambda x: xdl.concat([A, x]), "Concat: xs[1]: "),
        (lambda x: Linear(4, 2)(x), "Linear(4, 2): Linear: x: "),
        (lambda x: Variable(A) @ x, "Matmul: x2: "),
    ],
    ids=["exp", "concat", "Linear", "matmul"],
)
def test_an_operation_says_which_input_it_is(use, who, value, said):
    if isinstance(value, int):
        pytest.skip("a number is none too large for an operation in floats")

    with pytest.raises(DtypeError) as caught:
        use(value)

    assert str(caught.value).startswith(who)
    assert said in str(caught.value)


@pytest.mark.parametrize("labels", [list("abc"), np.array(list("abc")), Column()])
def test_labels_that_are_strings_are_to_be_encoded(labels):
    with pytest.raises(DtypeError, match="encode") as caught:
        xdl.softmax_cross_entropy(Variable(A), labels)

    assert str(caught.value).startswith("SoftmaxCrossEntropy: target")


@pytest.mark.parametrize(
    "value", [Tensor(A[:2, :2]), OnlyArray(), Variable(A[:2, :2]), A[:2, :2]]
)
def test_a_state_takes_whatever_is_an_array(value):
    parameter = xdl.Parameter()
    w = parameter.get_variable("w", [2, 2])

    parameter.load_state_dict({"w": value})

    assert [[1.0, 1.0]] * 2 == w.numpy().tolist()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Tensor(A), "'w' has shape (3, 4), needed (2, 2)"),
        (Tensor(A[:2, :2].astype(float)), "'w' is float64, needed float32"),
        (Tensor(np.full((2, 2), np.nan, np.float32)), "'w' holds NaN or infinity"),
        (Tensor(A, needs_grad=True), "'w': Tensor came, no array for NumPy"),
        (Table(), "'w': a Table came whose columns 'town' (object)"),
        (None, "'w': None came (dtype object), needed numbers"),
        (np.ma.array(A[:2, :2]), "'w': a masked array came"),
    ],
    ids=range(7),
)
def test_a_state_refuses_the_rest_by_name(value, said):
    parameter = xdl.Parameter()
    w = parameter.get_variable("w", [2, 2])
    before = w.numpy()

    with pytest.raises(CheckpointError) as caught:
        parameter.load_state_dict({"w": value})

    assert said in str(caught.value)
    assert before.tolist() == w.numpy().tolist()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            np.ma.array([1.0, 2.0], mask=[0, 1]),
            "save: a: a masked array came, needed on",
        ),
        (np.ma.array([1.0]), "save: a: a masked array came"),
        ([1, np.ma.masked], "save: a/1: a masked array came"),
        ({"b": [np.ma.array([1])]}, "save: a/b/0: a masked array came"),
        (np.array([1, None]), "save: a: dtype object came, with None at position 1"),
        (np.array(["x"]), "save: a: strings came (dtype str32)"),
        (np.array([1j]), "save: a: dtype complex128 came"),
        (np.array(["2020"], "M8[D]"), "save: a: dtype datetime64[D] came"),
        (Table(), "save: a: Table came, needed an array"),
        (Sparse(), "save: a: Sparse came, needed an array"),
    ],
    ids=range(10),
)
def test_saving_refuses_what_would_lose_something(value, said, tmp_path):
    with pytest.raises(ArgumentError) as caught:
        xdl.save(tmp_path / "x", a=value)

    assert said in str(caught.value)
    assert [] == list(tmp_path.iterdir())


def test_tables_of_pandas_are_taken_or_refused_by_their_columns():
    pandas = pytest.importorskip("pandas")
    numbers = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    mixed = pandas.DataFrame({"a": [1.0], "b": ["x"], "c": pandas.Categorical(["y"])})

    assert [[1.0, 3.0], [2.0, 4.0]] == Variable(numbers).numpy().tolist()
    with pytest.raises(
        DtypeError, match=r"columns 'b' \(.*\), 'c' \(category\) are no"
    ):
        Variable(mixed)
    with pytest.raises(DtypeError, match="with NAType at position 1"):
        Variable([1.0, pandas.NA])


def test_sparse_arrays_of_scipy_are_refused():
    sparse = pytest.importorskip("scipy.sparse")

    with pytest.raises(
        DtypeError, match=r"Add: x2: a sparse coo_array came, .*toarray"
    ):
        Variable(A) + sparse.coo_array(A)
