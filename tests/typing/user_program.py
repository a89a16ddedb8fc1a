"""What users write, for type checkers: they must understand all of it.

``mypy --strict`` and ``pyright`` find no fault in it, and no type that ``reveal_type``
shows is Any: the session ``types`` of nox and test_user_program.py look. It runs, too.
"""

import pathlib
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

import xdl
from xdl.typing import ArrayLike

if not TYPE_CHECKING:

    def reveal_type(value: Any) -> Any:
        return value


def use_operators(x: xdl.Variable) -> xdl.Variable:
    y = x * x + 2 * x - x / 3.0
    y = -(y**2) @ y.T
    y = 1.0 - abs(y) % 5 + np.ones(2) * y
    mask = (y > 0) & ~(y == 1.0) | (y <= 2)
    reveal_type(y)
    reveal_type(mask)
    reveal_type(x[0, 1:])
    reveal_type(x[x > 0])
    return xdl.where(mask, y, 0.0)


def use_methods(x: xdl.Variable) -> xdl.Variable:
    y = x.exp().log1p().tanh().relu().sqrt()
    y = y.softmax(axis=-1).log_softmax() + y.norm(axis=1, keepdims=True)
    y = y.reshape(-1).reshape(2, 2).transpose().clip(min=0.0)
    values, positions = y.topk(1)
    reveal_type(y)
    reveal_type(values)
    reveal_type(positions)
    reveal_type(y.sum(axis=0).mean())
    reveal_type(y.split(2)[0])
    reveal_type(y.astype("float64"))
    return y


def use_functions(x: ArrayLike) -> xdl.Variable:
    y = xdl.add(xdl.tanh(x), [[1.0, 2.0], [3.0, 4.0]])
    y = xdl.concat([y, xdl.relu(y)], axis=0)
    y = xdl.ops.sum(xdl.einsum("ij,kj->ik", y, y), axis=(0, 1), keepdims=True)
    reveal_type(xdl.tanh)
    reveal_type(y)
    reveal_type(xdl.softmax_cross_entropy(y, [0]))
    reveal_type(xdl.split(y, 1))
    return y


def use_what_a_variable_has(x: xdl.Variable) -> float:
    reveal_type(x.shape)
    reveal_type(x.dtype)
    reveal_type(x.ndim)
    reveal_type(x.device)
    reveal_type(x.value)
    reveal_type(x.numpy())
    reveal_type(x.detach())
    reveal_type(x.trainable)
    (x * x).sum().backward()
    if x.grad is not None:
        reveal_type(x.grad)
        x.value = x.value - 0.1 * x.value
    x.clear_grad()
    reveal_type(x.mean().item())
    return float(x.mean())


class Cube(xdl.Op):
    """An operation of a user's own."""

    def compute(self, xp: Any, x: Any) -> Any:
        return x * x * x

    def gradient(self, xp: Any, gy: Any, x: Any) -> tuple[Any, ...]:
        return (gy * 3 * x * x,)


class Classifier(xdl.Model):
    """A model of a user's own."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.scale = self.parameter.get_variable("scale", [size], xdl.init.ones)
        self.layers = xdl.nn.Sequential(
            xdl.nn.Linear(size, 8),
            xdl.nn.ReLU(),
            xdl.nn.Dropout(0.1),
            xdl.nn.LayerNorm(8),
            xdl.nn.Linear(8, classes, bias=False),
        )
        self.loss_ops = xdl.nn.SoftmaxLoss()

    def forward(self, x: ArrayLike) -> xdl.Variable:
        self.output = self.layers(xdl.multiply(x, self.scale))
        return self.output


def use_layers(x: xdl.Variable) -> None:
    reveal_type(xdl.nn.Linear(2, 3)(x))
    reveal_type(xdl.nn.GELU(approximate="tanh")(x))
    reveal_type(xdl.nn.Activation(xdl.clip, min=0.0)(x))
    reveal_type(xdl.nn.LSTM(2, 3).train())
    sequence = xdl.reshape(x, (2, 1, 2))
    y, (h, c) = xdl.nn.LSTM(2, 3)(sequence)
    z, state = xdl.nn.GRU(2, 3)(sequence)
    reveal_type((y, h, c, z, state))
    reveal_type(xdl.nn.Embedding(5, 3)([0, 1]))
    reveal_type(xdl.nn.Linear(2, 3).weight)
    reveal_type(Cube()(x))


def use_losses(x: xdl.Variable) -> None:
    loss_ops = xdl.nn.MSELoss(reduction="sum")
    reveal_type(loss_ops(x))
    reveal_type(loss_ops.loss(np.zeros((2, 2))))
    loss_ops.backward()
    reveal_type(xdl.mean_squared_error(x, x.detach()))


def train(steps: int = 3) -> float:
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(6, 4)).astype(np.float32), rng.integers(0, 3, 6)
    model = Classifier(4, 3)
    optimizer = xdl.optim.Adam(model, lr=0.01, betas=(0.9, 0.99))
    schedule = xdl.optim.StepLR(optimizer, step_size=2)
    loss = xdl.Variable(0.0)
    for _ in range(steps):
        loss = xdl.softmax_cross_entropy(model(x), target)
        loss.backward()
        xdl.optim.clip_grad_norm(model, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        reveal_type(loss)
    reveal_type(model(x))
    reveal_type(optimizer.lr)
    reveal_type(xdl.models.MLP([4, 8, 3])(x))
    return loss.item()


class Counting(xdl.train.Callback):
    """A callback of a user's own."""

    def on_step_end(self, trainer: xdl.train.Trainer) -> None:
        reveal_type(trainer.steps)


def train_without_a_loop() -> float:
    model = Classifier(4, 3)
    data = xdl.train.batches(np.zeros((6, 4), np.float32), np.zeros(6, int), size=4)
    reveal_type(data)
    trainer = xdl.train.Trainer(
        model,
        xdl.optim.Adam(model),
        xdl.softmax_cross_entropy,
        callbacks=[Counting(), xdl.train.EarlyStopping("loss")],
        metrics=["accuracy", xdl.train.F1()],
    )
    history = trainer.fit(data, data, epochs=2)
    reveal_type(trainer.predict(np.zeros((6, 4), np.float32)))
    first: float = history[-1]["val_loss"]
    again: float = trainer.evaluate(data)["loss"]
    return min(first, again)


def compile_and_save() -> int:
    model = xdl.models.LinearModel(3, 2)
    optimizer = xdl.SGD(model, lr=0.1, momentum=0.9)

    def step(x: xdl.Variable, target: xdl.Variable) -> xdl.Variable:
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast_step = xdl.compile(step, model, optimizer)
    x, target = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])
    reveal_type(fast_step)
    reveal_type(fast_step(x, target))
    reveal_type(fast_step.program)
    reveal_type(xdl.compile(model, verify=False)(x))
    with xdl.no_grad(), xdl.use_device("cpu"), tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "last.safetensors"
        xdl.save(path, model=model, optimizer=optimizer, epoch=7)
        others = xdl.load(path, model=model, optimizer=optimizer)
        reveal_type(others)
        reveal_type(model.parameter.state_dict())
    return int(others["epoch"])


def main() -> None:
    xdl.seed(0)
    x = xdl.Variable([[1.0, 2.0], [3.0, 4.0]], name="x")
    for use in (use_operators, use_methods, use_functions):
        use(x)
    use_what_a_variable_has(x)
    use_layers(x)
    use_losses(x)
    train()
    train_without_a_loop()
    compile_and_save()
    reveal_type(xdl.Graph((x * x).sum()).summary())
    reveal_type(xdl.device())


if __name__ == "__main__":
    main()
