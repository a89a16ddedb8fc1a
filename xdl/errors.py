"""Every error that xdl raises.

Each one is an ``XdlError`` and also the builtin that a NumPy or PyTorch user would
catch. The text says who refused, what came, what was needed, and the remedy if
there is one.
"""


class XdlError(Exception):
    """The root of all errors that xdl raises on purpose."""


class ShapeError(XdlError, ValueError):
    """Arrays whose shapes do not fit the operation or each other."""


class DtypeError(XdlError, TypeError):
    """An element type that the operation does not take, or two that do not mix."""


class DeviceError(XdlError, RuntimeError):
    """A device that is missing or unknown, or Variables on two devices."""


class GraphError(XdlError, RuntimeError):
    """A computational graph used in a way that would give a wrong gradient."""


class IndexRangeError(XdlError, IndexError):
    """An index outside the axis that it points into."""


class LabelError(IndexRangeError, ValueError):
    """A class label outside ``[0, classes)``."""


class EmptyBatchError(XdlError, ValueError):
    """A mean over a batch of no samples."""


class ArgumentError(XdlError, ValueError, TypeError):
    """An option (learning rate, momentum, ...) of a wrong value or type."""


class NonFiniteError(XdlError, FloatingPointError):
    """NaN or infinity where training cannot go on with it."""


class CheckpointError(XdlError, OSError):
    """A checkpoint that cannot be written, or must not be read."""
