"""What errors say: who, what came, what was needed, and what helps."""

import copy
import pickle

import numpy as np
import pytest

import xdl
from xdl import Model, SoftmaxLoss, Variable, XdlError
from xdl.nn import LSTM, Conv2d, Dropout, Embedding, Linear, Sequential, init

A = np.arange(12, dtype=np.float32).reshape(3, 4)
STEP = xdl.compile(lambda x: xdl.sum(x))


class NoOutput(Model):
    def __init__(self):
        super().__init__()
        self.W = self.parameter.get_variable("weight", [4, 2])
        self.loss_ops = SoftmaxLoss()

    def forward(self, x):
        return x @ self.W


class NoLossOps(Model):
    def forward(self, x):
        self.output = x


class NoForwardOfLoss(NoOutput):
    def loss(self, target):
        return self.loss_ops.loss(target)


class NoSuper(Model):
    def __init__(self):
        self.W = self.parameter.get_variable("weight", [4, 2])


class Broken(Model):
    @property
    def output(self):
        return self.nothing

    loss_ops = SoftmaxLoss()


def _after(model, *calls):
    """Call methods of a model one after another; return what the last returned."""
    for name, *arguments in calls:
        result = getattr(model, name)(*arguments)
    return result


def _added_in_place(a, v):
    a += v


def _freed_graph():
    x = Variable(A)
    loss = (x * x).sum()
    loss.backward()
    return loss


def says(*rows):
    """Parametrise a test by uses, each with a part of the sentence that it gets."""
    return pytest.mark.parametrize(("use", "said"), rows, ids=[row[1] for row in rows])


def _check(use, said, error=XdlError):
    with pytest.raises(error) as caught:
        use(Variable(A, name="v"))

    assert said in str(caught.value)


@says(
    (lambda v: xdl.add(v), "Add: x2 is None or missing"),
    (lambda v: xdl.add(), "Add: x1 is None or missing"),
    (lambda v: xdl.exp(), "Exp: x is None or missing"),
    (lambda v: xdl.where(v > 0, v), "Where: x2 is None or missing"),
    (lambda v: xdl.floor_divide(v), "FloorDivide: x2 is None or missing"),
    (lambda v: v + None, "Add: x2 is None or missing"),
    (lambda v: xdl.linear(v), "Linear: weight is None or missing"),
    (lambda v: xdl.Matmul()(v), "Matmul: x2 is None or missing"),
    (lambda v: xdl.softmax(), "softmax: x is missing: softmax(x, axis=-1)"),
    (lambda v: xdl.reshape(v), "reshape: shape is missing: reshape(x, shape)"),
    (lambda v: Linear(4), "Linear: output_size is missing: Linear(input_size, "),
    (lambda v: xdl.SGD(lr=0.1), "SGD: parameter is missing: SGD(parameter, lr=0.001"),
    (lambda v: Variable(), "Variable: value is missing: Variable(value, "),
    (lambda v: Linear(4, 2)(), "Linear.forward: x is missing"),
    (lambda v: xdl.Parameter().get_variable("w"), "get_variable: shape is missing"),
)
def test_a_missing_operand_is_named(use, said):
    _check(use, said)


@says(
    (lambda v: xdl.exp(v, v), "Exp: 2 inputs came, needed 1"),
    (lambda v: xdl.add(v, v, v), "Add: 3 inputs came, needed 2"),
    (lambda v: xdl.reshape(v, 4, 3), "3 arguments came by position, needed at most 2"),
    (lambda v: xdl.transpose(v, 0, 1), "transpose(x, axes=None)"),
    (lambda v: v.sum(0, 1, 2, 3, 4), "Variable.sum: 5 arguments came by position"),
    (lambda v: v.flatten(1), "xdl.flatten(x, start_axis, end_axis) joins some axes"),
    (lambda v: v.sum(0, 1), "several axes are a tuple"),
    (lambda v: xdl.Matmul(v, v), "its inputs come when it is called: Matmul()(x1, x2)"),
    (
        lambda v: xdl.Matmul().forward(v, v),
        "needed one list of them: forward([x1, x2])",
    ),
    (lambda v: xdl.Matmul().forward(v), "Matmul.forward: arrays came, needed one list"),
    (lambda v: Linear(4, 2).eval(False), "1 argument came by position, needed none"),
    (lambda v: xdl.SGD([v]).step(lambda: 1), "SGD: function came, needed nothing"),
    (lambda v: xdl.SGD([v]).update(v), "SGD: Variable came, needed nothing"),
    (lambda v: xdl.no_grad(v), "no_grad: 1 argument came by position, needed none"),
)
def test_too_many_arguments_are_refused_with_what_is_taken(use, said):
    _check(use, said)


@says(
    (lambda v: xdl.sum(v, dim=1), "sum: 'dim' came; it is called 'axis' here: sum(x, "),
    (lambda v: v.sum(dim=1), "Variable.sum: 'dim' came; it is called 'axis' here"),
    (lambda v: xdl.sum(v, 1, keepdim=True), "'keepdim' came; it is called 'keepdims'"),
    (lambda v: v.mean(keepdim=True), "'keepdim' came; it is called 'keepdims' here"),
    (lambda v: v.squeeze(dim=0), "Variable.squeeze: 'dim' came; it is called 'axis'"),
    (lambda v: v.cumsum(dim=0), "Variable.cumsum: 'dim' came; it is called 'axis'"),
    (lambda v: xdl.flip(v, dims=(0,)), "flip: 'dims' came; it is called 'axis' here"),
    (lambda v: xdl.permute_dims(v, dims=(1, 0)), "'dims' came; it is called 'axes'"),
    (lambda v: xdl.concat([v], dim=0), "concat: 'dim' came; it is called 'axis' here"),
    (lambda v: xdl.var(v, unbiased=True), "it is called 'correction' here"),
    (lambda v: xdl.nn.Softmax(dim=1), "Softmax: 'dim' came; it is called 'axis' here"),
    (lambda v: xdl.add(v, other=v), "Add: 'other' came; it is called 'x2' here"),
    (lambda v: xdl.add(v, v, out=A), "writes into nothing that it is given"),
    (lambda v: xdl.exp(v, dim=1), "Exp: 'dim' came; there is no such argument: Exp(x)"),
    (lambda v: LSTM(4, 2, num_layers=2), "LSTM: 'num_layers' came; it is called 'lay"),
    (lambda v: Linear(in_features=4, out_features=2), "it is called 'input_size' here"),
    (lambda v: Conv2d(1, 2, kernel_size=3), "Conv2d: 'kernel_size' came; it is called"),
    (
        lambda v: Embedding(num_embeddings=3, embedding_dim=2),
        "it is called 'rows' here",
    ),
    (lambda v: xdl.nn.ReLU(inplace=True), "ReLU: 'inplace' came; xdl writes into"),
    (lambda v: Dropout(rate=0.5), "Dropout: 'rate' came; it is called 'p' here"),
    (lambda v: Linear(4, 2, device="cuda"), "say xdl.use_device(device) before"),
    (
        lambda v: xdl.SGD([v], learning_rate=1.0),
        "'learning_rate' came; it is called 'l",
    ),
    (lambda v: xdl.optim.Adam([v], beta1=0.9), "'beta1' came; it is called 'betas'"),
    (lambda v: Variable(A, requires_grad=True), "it is called 'trainable' here"),
    (lambda v: Variable(A, trainabel=True), "it is called 'trainable' here"),
    (lambda v: xdl.one_hot([0], num_classes=3), "it is called 'size' here"),
    (lambda v: xdl.max_pool2d(v, kernel_size=2), "it is called 'window' here"),
    (lambda v: xdl.layer_norm(v, normalized_shape=4), "it is called 'shape' here"),
    (lambda v: xdl.models.MLP(hidden_layer_sizes=(9,)), "it is called 'sizes' here"),
    (lambda v: init.uniform(3, a=0), "uniform: 'a' came; there is no such argument"),
    (lambda v: xdl.compile(len, mode="max"), "compile: 'mode' came; there is no such"),
    (lambda v: STEP(y=A), "step: 'y' came; there is no such argument: step(x)"),
    (lambda v: STEP(A, x=A), "step: 'x' came twice: step(x)"),
    (lambda v: STEP.over(y=A), "step: 'y' came; there is no such argument: step(x)"),
    (lambda v: STEP.program, "compile: there is no program before the first call"),
    (lambda v: pickle.dumps(STEP), "pickle or copy its model and optimizer, or xdl"),
    (lambda v: copy.deepcopy(STEP), "and compile the step anew"),
    (lambda v: copy.copy([STEP][0]), "a compiled step cannot be pickled or copied"),
    (
        lambda v: xdl.compile(Linear(4, 2))(y=A),
        "Linear.forward: 'y' came; there is no such argument: Linear.forward(x)",
    ),
    (lambda v: xdl.SGD([v]).zero_grad(set_to_none=True), "cleared are always None"),
    (lambda v: xdl.sum(v, 0, axis=1), "sum: 'axis' came twice"),
    (lambda v: xdl.add(v, x1=v), "Add: 'x1' came twice"),
)
def test_an_argument_of_another_name_is_told_by_its_name_here(use, said):
    _check(use, said)


def test_operands_may_come_by_their_names():
    x, W = Variable([[1.0, 2.0]]), Variable([[3.0], [4.0]])

    products = xdl.matmul(x1=x, x2=W), xdl.matmul(x, x2=W), xdl.linear(x, weight=W)

    assert [[[11.0]]] * 3 == [y.numpy().tolist() for y in products]


@says(
    (
        lambda v: Linear(4, 2)(np.zeros((1, 4), np.uint8)),
        '.astype("float32"); of pixels',
    ),
    (
        lambda v: Linear(4, 2)(np.zeros((1, 4), int)),
        'to float32 first: .astype("float32"',
    ),
    (
        lambda v: Linear(4, 2)(Variable(A.astype(np.float64))),
        "give data as a raw array: it follows the model",
    ),
    (
        lambda v: xdl.softmax_cross_entropy(v, np.eye(4, dtype=int)[[0, 1, 2]]),
        "one-hot targets become labels by target.argmax(axis=-1)",
    ),
    (lambda v: xdl.nll_loss(v, np.eye(4, dtype=int)[:3]), "target.argmax(axis=-1)"),
    (lambda v: xdl.softmax_cross_entropy(v, [[0], [1], [2]]), "row by target[..., 0]"),
    (
        lambda v: xdl.softmax_cross_entropy([0, 1, 2], v),
        "logits come before the target",
    ),
    (
        lambda v: xdl.softmax_cross_entropy(v, [0.0, 1.0, 2.0]),
        ".astype(int) makes them",
    ),
    (lambda v: xdl.mean_squared_error(v[:, :1], A[:, 0]), "target.reshape((3, 1))"),
    (lambda v: xdl.power(Variable([1, 2]), -1), "cast to a floating dtype first"),
    (lambda v: Variable([1, 2]) ** Variable([1, -2]), "cast to a floating dtype first"),
    (lambda v: v.backward(), "take its sum or mean first"),
    (lambda v: v.astype(None), "dtype: None came, needed bool, an integer or"),
)
def test_data_that_do_not_fit_are_refused_with_what_helps(use, said):
    _check(use, said)


@says(
    (
        lambda v: Linear(4, 2, initializer=A),
        "initializer (3, 4) float32 came, needed a",
    ),
    (lambda v: Linear(4, 2, initializer="zeros"), "initializer 'zeros' came, needed a"),
    (
        lambda v: Linear(4, 2, initializer=0.1),
        "for given values write lambda shape: val",
    ),
    (lambda v: xdl.models.MLP([64]), "MLP: sizes [64] came, needed a list of two ints"),
    (lambda v: xdl.models.MLP(64), "MLP: sizes 64 came, needed a list of two ints"),
    (lambda v: xdl.models.MLP(64, 10), "MLP: sizes 64 came, needed a list of two ints"),
    (lambda v: Sequential(Linear(4, 2), xdl.nn.ReLU), "class ReLU came, needed layers"),
    (lambda v: Sequential([Linear(4, 2)]), "one by one: Sequential(*layers)"),
    (lambda v: xdl.SGD(Linear), "SGD: class Linear came, needed a Parameter, a Module"),
    (lambda v: xdl.SGD([A]), "SGD: item 0 is ndarray, needed a Variable"),
    (lambda v: xdl.models.MLP([4, 3])(A, [0]), "give the target to loss(target)"),
    (lambda v: xdl.nn.MSELoss()(v, v), "give the target to loss(target)"),
    (
        lambda v: _after(NoOutput(), ("forward", A), ("loss", [0])),
        "no self.output; call",
    ),
    (
        lambda v: xdl.models.MLP([4, 3]).loss([0]),
        "MLP: there is no self.output; call f",
    ),
    (
        lambda v: _after(NoLossOps(), ("forward", A), ("loss", [0])),
        "no self.loss_ops; l",
    ),
    (
        lambda v: NoLossOps().backward(),
        "NoLossOps: there is no self.loss_ops; let __in",
    ),
    (
        lambda v: _after(NoForwardOfLoss(), ("forward", A), ("loss", [0])),
        "SoftmaxLoss.loss: call forward(output) first",
    ),
    (
        lambda v: xdl.Graph(_freed_graph()),
        "Graph: the graph of Sum was freed by an ear",
    ),
    (lambda v: xdl.Graph(_freed_graph()), "make it before that backward"),
    (lambda v: xdl.Graph(A), "Graph: (3, 4) float32 came, needed a Variable"),
    (lambda v: xdl.compile(1), "compile: int came, needed a function"),
    (lambda v: xdl.gradient(1), "gradient: int came, needed a function"),
    (
        lambda v: xdl.save(Linear(4, 2), "x"),
        "save: 2 arguments came by position, needed",
    ),
    (lambda v: xdl.save(None, a=1), "save: NoneType came as the path, needed a str or"),
    (
        lambda v: xdl.load(Linear(4, 2)),
        "load: Linear came as the path, needed a str or",
    ),
    (
        lambda v: xdl.concat(v, v),
        'Concat: axis is a Variable "v" (3, 4), needed a plain value',
    ),
    (
        lambda v: xdl.max(v, v),
        'Max: axis is a Variable "v" (3, 4), needed a plain value',
    ),
    (
        lambda v: xdl.softmax(v, "rows"),
        "axis 'rows' came, needed None, an int or a tup",
    ),
    (lambda v: v.__setitem__(0, 1.0), "use xdl.index_update(v, index, value)"),
)
def test_what_was_forgotten_or_mistaken_is_told(use, said):
    _check(use, said)


def test_an_error_within_a_property_is_not_taken_for_a_forgotten_output():
    with pytest.raises(AttributeError, match="'nothing'"):
        Broken().loss([0])


@says(
    (
        lambda v: _added_in_place(A.copy(), v),
        "np.add: out came with a Variable; xdl wri",
    ),
    (lambda v: _added_in_place(A.copy(), v), "a = a + v, and not a += v"),
    (
        lambda v: np.multiply(v, 2, out=A.copy()),
        "np.multiply: out came with a Variable",
    ),
    (lambda v: np.sum(v, 0, None, np.zeros(4)), "np.sum: out came with a Variable"),
    (lambda v: np.add.reduce(v), "np.add.reduce has no counterpart in xdl.ops"),
    (lambda v: np.linalg.inv(v), "np.linalg.inv has no counterpart in xdl.ops"),
    (
        lambda v: np.pad(v, 1, constant_values=(1, 2)),
        "constant_values (1, 2) came, need",
    ),
    (lambda v: np.pad(v, {0: 1}), "Pad: widths"),
    (lambda v: np.take(v, [9], mode="clip"), "np.take: mode came with a Variable"),
    (lambda v: np.std(v, ddof=1, correction=0), "np.std: correction came twice"),
)
def test_functions_of_numpy_say_what_is_not_taken(use, said):
    _check(use, said)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda v: v.view(4, 3), "use .reshape(shape)"),
        (lambda v: v.gelu(), "use xdl.gelu"),
        (lambda v: v.requires_grad, "use .trainable"),
        (
            lambda v: Linear(4, 2).trainable_variables,
            "use .parameter, which an optimizer takes",
        ),
        (lambda v: Linear(4, 2).zero_grad(), "use .parameter.clear_grads()"),
        (lambda v: NoSuper(), "use super().__init__() before, in __init__"),
        (lambda v: xdl.cat, "module 'xdl' has no attribute 'cat'; use concat"),
        (lambda v: xdl.nn.CrossEntropyLoss, "use SoftmaxLoss"),
        (lambda v: xdl.nn.MultiheadAttention, "did you mean 'MultiHeadAttention'?"),
        (lambda v: xdl.optim.lr_scheduler, "use xdl.optim itself"),
    ],
)
def test_attributes_of_others_say_what_is_in_their_place(use, said):
    _check(use, said, AttributeError)


def test_attributes_of_others_are_neither_there_nor_listed():
    v, layer = Variable(A), Linear(4, 2)

    assert not any(hasattr(v, name) for name in ("gelu", "view", "data"))
    assert not {"gelu", "view"} & set(dir(v)) and "sum" in dir(v)
    assert not {"fit", "weights"} & set(dir(layer)) and "parameter" in dir(layer)


def test_a_layer_may_have_what_others_have():
    class Fitted(xdl.Module):
        def fit(self):
            return "fitted"

    module = Fitted()
    module.weights = 3

    assert ("fitted", 3) == (module.fit(), module.weights)
    assert {"fit", "weights"} <= set(dir(module))


def test_what_an_operation_of_users_raises_is_raised_as_it_is():
    class Odd(xdl.Op):
        def compute(self, xp, x):
            raise ValueError("odd")

    with pytest.raises(ValueError, match="^odd$") as caught:
        Odd()(Variable(A))

    assert not isinstance(caught.value, XdlError)


def test_what_a_layer_of_users_raises_is_raised_as_it_is():
    class Odd(xdl.Module):
        def forward(self, x):
            return len(3)

    with pytest.raises(TypeError, match="object of type 'int' has no len"):
        Odd()(A)
