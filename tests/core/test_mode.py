"""no_grad, set_debug, and what threads see of each other."""

import asyncio
import threading

import numpy as np
import pytest

import xdl
from xdl import GraphError, Module, NonFiniteError, Variable
from xdl.core import mode
from xdl.nn import Linear


@pytest.fixture(autouse=True)
def _usual_mode():
    yield
    mode._mode.set(None)


@pytest.fixture
def debug():
    """Debug mode for one test."""
    xdl.set_debug(True)


def test_no_grad_records_nothing_for_any_number_of_inputs():
    x = Variable([1.0])

    with xdl.no_grad():
        results = [xdl.exp(x), x * x, xdl.where(x > 0, x, x), xdl.concat([x, x])]

    assert [False] * 4 == [y.trainable for y in results]
    assert x.trainable


def test_no_grad_ends_with_its_block():
    x = Variable([1.0])

    with xdl.no_grad(), xdl.no_grad():
        pass

    assert (x * x).trainable


def test_no_grad_ends_after_an_exception_too():
    x = Variable([1.0])

    with pytest.raises(KeyError), xdl.no_grad():
        raise KeyError

    assert (x * x).trainable


def test_one_no_grad_may_be_entered_twice():
    x, quiet = Variable([1.0]), xdl.no_grad()

    with quiet:
        with quiet:
            pass
        inner = (x * x).trainable

    assert (False, True) == (inner, (x * x).trainable)


def test_backward_of_what_was_computed_under_no_grad_is_refused():
    x = Variable([1.0])
    with xdl.no_grad():
        y = x * x

    with pytest.raises(GraphError, match="computed under no_grad"):
        y.backward()


def test_set_debug_inside_no_grad_outlasts_it():
    with xdl.no_grad():
        xdl.set_debug(True)

    with pytest.raises(NonFiniteError):
        xdl.log(Variable([-1.0]))


def test_weights_made_under_no_grad_are_trainable():
    with xdl.no_grad():
        w = Variable([1.0])

    (w * 2).backward()

    assert [2.0] == w.grad.tolist()


class TestDebug:
    """The report of the first NaN."""

    def test_the_report_names_operation_range_shape_and_line(self, debug):
        x = Variable([4.0, -1.0])

        with pytest.raises(NonFiniteError) as caught:
            xdl.log(x)  # the user's line

        text = str(caught.value)
        assert text.startswith(
            "Log: NaN came out of x from -1 to 4 (shape (2,), float32)"
        )
        assert "test_mode.py" in text
        assert text.endswith("xdl.log(x)  # the user's line")

    def test_the_report_names_the_layers_from_the_outside_in(self, debug):
        class Inner(Module):
            def forward(self, x):
                return xdl.log(x)

        class Outer(Module):
            def __init__(self):
                super().__init__()
                self.inner = Inner()

            def forward(self, x):
                return self.inner(x)

        with pytest.raises(NonFiniteError, match="layer Outer/inner, "):
            Outer()(Variable([-1.0]))

    def test_the_report_of_a_failing_layer_does_not_stick_to_the_next(self, debug):
        class Failing(Module):
            def forward(self, x):
                raise KeyError

        pytest.raises(KeyError, Failing(), 1.0)

        with pytest.raises(NonFiniteError) as caught:
            xdl.log(Variable([-1.0]))
        assert "Failing" not in str(caught.value)

    def test_nan_that_was_there_before_is_reported_at_its_first_operation(self, debug):
        with pytest.raises(
            NonFiniteError, match="^Exp: NaN came out of x from nan to nan"
        ):
            xdl.exp(Variable([np.nan]))

    def test_nan_in_a_gradient_is_reported_with_the_line_of_the_forward(self, debug):
        x = Variable([0.0])
        y = xdl.sqrt(x) * 0.0  # the line that made it

        with pytest.raises(NonFiniteError) as caught:
            y.backward()

        assert str(caught.value).startswith("Sqrt: NaN came out of its gradient; ")
        assert "# the line that made it" in str(caught.value)
        assert x.grad is None

    def test_nan_in_the_gradient_of_a_graph_made_before_is_reported(self):
        y = xdl.sqrt(Variable([0.0])) * 0.0
        xdl.set_debug(True)

        with pytest.raises(NonFiniteError, match="recorded before set_debug"):
            y.backward()

    def test_healthy_numbers_pass_and_give_the_same_gradients(self, debug):
        layer = Linear(2, 1)
        x = np.array([[1.0, 2.0]])

        layer(x).sum().backward()

        assert [[1.0], [2.0]] == layer.weight.grad.tolist()

    def test_gradients_of_gradients_are_checked_too(self, debug):
        x = Variable([2.0])

        (x * x * x).backward(create_graph=True)
        x.grad.backward()

        assert 12.0 + 12.0 == x.grad.item()

    def test_integers_and_empty_arrays_hold_no_nan(self, debug):
        assert [3] == (Variable([1]) + 2).numpy().tolist()
        assert (0, 3) == xdl.exp(Variable(np.zeros((0, 3)))).shape

    def test_an_empty_input_is_described_without_a_range(self, debug):
        class Lost(xdl.Op):
            def compute(self, xp, x, z):
                return z / xp.sum(x)

        with (
            np.errstate(all="ignore"),
            pytest.raises(
                NonFiniteError,
                match=r"out of x \(shape \(0,\), float32\), z from 0 to 0",
            ),
        ):
            Lost()(Variable(np.zeros(0, np.float32)), Variable([0.0]))

    def test_off_again_it_reports_nothing(self):
        xdl.set_debug(True)
        xdl.set_debug(False)

        assert np.isnan(xdl.log(Variable([-1.0])).item())

    def test_no_grad_inside_keeps_the_checks(self, debug):
        with xdl.no_grad(), pytest.raises(NonFiniteError):
            xdl.log(Variable([-1.0]))


def _in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


class TestThreads:
    """Every switch belongs to its thread."""

    def test_no_grad_is_not_seen_by_another_thread(self):
        x = Variable([1.0])

        with xdl.no_grad():
            seen = _in_thread(lambda: (x * x).trainable)

        assert seen

    def test_set_debug_is_not_seen_by_another_thread(self, debug):
        seen = _in_thread(lambda: np.isnan(xdl.log(Variable([-1.0])).item()))

        assert seen

    def test_a_switch_in_another_thread_is_not_seen_here(self):
        _in_thread(lambda: xdl.set_debug(True))

        assert np.isnan(xdl.log(Variable([-1.0])).item())

    def test_seed_belongs_to_its_thread(self):
        xdl.seed(0)
        expected = xdl.init.normal((3,)).tolist()

        xdl.seed(0)
        _in_thread(lambda: xdl.seed(1))

        assert expected == xdl.init.normal((3,)).tolist()


def test_no_grad_and_enable_grad_decorate_functions():
    x = Variable([1.0])

    @xdl.no_grad()
    def scaled(x, factor=2.0):
        """Scale."""
        return x * factor, trained(x)

    @xdl.enable_grad()
    def trained(x):
        return x * x

    first, second = scaled(x, factor=3.0)

    assert (False, True) == (first.trainable, second.trainable)
    assert ("scaled", "Scale.") == (scaled.__name__, scaled.__doc__)
    assert (x * x).trainable


def test_a_decorated_method_may_call_itself_and_fail():
    class Counted:
        @xdl.no_grad()
        def down(self, x, n):
            if not n:
                raise KeyError((x * x).trainable)
            self.down(x, n - 1)

    x = Variable([1.0])

    with pytest.raises(KeyError, match="False"):
        Counted().down(x, 3)

    assert (x * x).trainable


def test_the_body_of_a_decorated_generator_records_nothing_and_its_caller_does():
    x, closed = Variable([1.0]), []

    @xdl.no_grad()
    def answers():
        came = None
        try:
            while True:
                try:
                    came = yield (x * x).trainable, came
                except KeyError:
                    came = "an error"
        finally:
            closed.append((x * x).trainable)

    generator = answers()
    first = next(generator)
    outside = (x * x).trainable
    others = [generator.send(1), generator.throw(KeyError())]
    generator.close()

    assert [(False, None), (False, 1), (False, "an error")] == [first, *others]
    assert outside and [False] == closed


def test_a_decorated_generator_returns_what_it_returns():
    @xdl.no_grad()
    def one():
        yield 1
        return 2

    def outer():
        returned.append((yield from one()))

    returned = []

    assert [1] == list(outer())
    assert [2] == returned


def test_a_decorated_coroutine_records_nothing_while_others_do():
    x = Variable([1.0])

    @xdl.no_grad()
    async def quiet():
        await asyncio.sleep(0)
        return (x * x).trainable

    async def usual():
        await asyncio.sleep(0)
        return (x * x).trainable

    async def both():
        return await asyncio.gather(quiet(), usual())

    assert [False, True] == asyncio.run(both())


def test_one_decorated_function_runs_in_several_threads():
    x, meeting, seen = Variable([1.0]), threading.Barrier(2, timeout=10), []

    @xdl.no_grad()
    def meet():
        meeting.wait()
        seen.append((x * x).trainable)
        meeting.wait()

    def run():
        meet()
        seen.append((x * x).trainable)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [False, False, True, True] == seen


@pytest.mark.parametrize("wrong", [3, None, Linear])
@pytest.mark.parametrize("block", [xdl.no_grad, xdl.enable_grad])
def test_what_is_no_function_is_not_decorated(block, wrong):
    with pytest.raises(xdl.ArgumentError, match=f"^{block.__name__}: .* needed a func"):
        block()(wrong)


def test_a_decorated_function_in_a_compiled_step_is_a_constant_there():
    x = Variable([2.0])
    constant = xdl.no_grad()(lambda: x * x)

    def step():
        loss = xdl.sum(x * constant())
        loss.backward()
        optimizer.update()
        return loss

    optimizer = xdl.SGD([x], lr=0.25)
    compiled = xdl.compile(step, optimizer)
    losses = [compiled().item() for _ in range(3)]

    assert [8.0, 1.0, 0.421875] == losses
