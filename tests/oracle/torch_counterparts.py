"""Which function of PyTorch each function of xdl.ops equals, and how it is called.

Operations say it in their classes. A row of a module of ``torch_calls`` adds how the
data of a ``Case`` call PyTorch (``as_torch``) and how the samples of PyTorch's own
operator database call xdl (``as_xdl``), where names of options are not enough.
"""

import importlib
import pkgutil

import xdl
from tests.oracle import torch_calls
from tests.oracle.row import Row

# Functions of xdl.ops that PyTorch has none for.
WITHOUT = ("from_dlpack",)  # tested in test_dlpack.py


def _told(name):
    """Return what the modules of ``torch_calls`` say under a name."""
    modules = pkgutil.iter_modules(torch_calls.__path__, f"{torch_calls.__name__}.")
    found = [importlib.import_module(info.name) for info in modules]
    return [row for module in found for row in getattr(module, name, ())]


_ROWS = _told("ROWS")
_BY_NAME = {row.name: row for row in _ROWS if not row.op}
COUNTERPARTS = [
    _BY_NAME.get(name) or Row(name) for name in xdl.ops.__all__ if name not in WITHOUT
]
COUNTERPARTS += [row for row in _ROWS if row.op]

# Entries of the operator database that xdl calls in another way than the one above.
FURTHER_SAMPLES = _told("FURTHER_SAMPLES")
