"""A small classifier that is trained by a step, as it is or compiled."""

import xdl


def classifier(executor, lr=0.1, make=lambda: xdl.models.MLP([4, 8, 3])):
    """Return a model, its optimizer and a step of them, compiled if so said."""
    xdl.seed(0)
    model = make()
    optimizer = xdl.SGD(model, lr=lr, momentum=0.9)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    if executor:
        step = xdl.compile(step, model, optimizer, executor=executor)
    return model, optimizer, step


def state_of(model, optimizer):
    """Return copies of the weights and of what the optimizer keeps."""
    every = [*model.parameter.values(), *optimizer.state.values()]
    return [variable.numpy().copy() for variable in every]
