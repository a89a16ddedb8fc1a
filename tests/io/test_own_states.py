"""Things with a state of their own: asked first if they tell, taken back if not."""

import pytest

import xdl
from xdl import Variable


@pytest.fixture
def path(tmp_path):
    """Return where a checkpoint may be."""
    return tmp_path / "last.safetensors"


class Counter:
    """A thing of a user's own."""

    def __init__(self, count, refuses=False):
        self.count, self.refuses = count, refuses

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]
        if self.refuses and self.count:
            raise KeyError("refused")


def test_object_with_a_state_of_its_own_is_saved(path):
    xdl.save(path, counter=Counter(3))
    counter = Counter(0)

    xdl.load(path, counter=counter)

    assert 3 == counter.count


def test_object_that_refuses_its_state_leaves_all_others_as_they_were(path):
    xdl.save(path, model=xdl.LinearModel(3, 2), a=Counter(3), b=Counter(3))
    model, a, b = xdl.LinearModel(3, 2), Counter(0), Counter(0, refuses=True)
    before = model.W.numpy()

    with pytest.raises(KeyError, match="refused"):
        xdl.load(path, model=model, a=a, b=b)

    assert (0, 0) == (a.count, b.count)
    assert before.tolist() == model.W.numpy().tolist()


class Cautious(Counter):
    """One that can be asked whether a state fits."""

    def misfits(self, state):
        return [] if state["count"] < 3 else ["count is too much", "by far"]


def test_object_that_tells_its_misfits_is_asked_before_anything_changes(path):
    xdl.save(path, a=Counter(3), b=Counter(3))
    a, b = Counter(0), Cautious(0)

    with pytest.raises(xdl.CheckpointError, match="b: count is too much; by far$"):
        xdl.load(path, a=a, b=b)

    assert (0, 0) == (a.count, b.count)


class Warm(xdl.SGD):
    """An optimizer that is saved in a way of its own."""

    warmth = 0

    def state_dict(self):
        return {"warmth": self.warmth}

    def load_state_dict(self, state):
        self.warmth = state["warmth"]


def test_subclass_with_a_state_of_its_own_is_loaded_in_its_way(path):
    optimizer, other = Warm([Variable([1.0])]), Warm([Variable([1.0])])
    optimizer.warmth = 37
    xdl.save(path, optimizer=optimizer)

    xdl.load(path, optimizer=other)

    assert 37 == other.warmth
