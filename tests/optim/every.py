"""Every optimizer with options that use all of its state, for the tests of them all."""

import pytest

from xdl import SGD, optim

EVERY = {
    "SGD": lambda source, **o: SGD(source, **{"momentum": 0.9, **o}),
    "RMSprop": lambda source, **o: optim.RMSprop(
        source, **{"momentum": 0.9, "centered": True, **o}
    ),
    "Adagrad": optim.Adagrad,
    "Adadelta": optim.Adadelta,
    "Adam": lambda source, **o: optim.Adam(source, **{"amsgrad": True, **o}),
    "AdamW": optim.AdamW,
    "NAdam": optim.NAdam,
    "RAdam": optim.RAdam,
    "Lion": optim.Lion,
    "LAMB": lambda source, **o: optim.LAMB(source, **{"weight_decay": 0.01, **o}),
    "Muon": optim.Muon,
}
every_optimizer = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
