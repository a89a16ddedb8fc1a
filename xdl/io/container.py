"""The file: safetensors, with a digest of every part of it that could be damaged."""

import errno
import functools
import hashlib
import json
import math
import os
import stat

import numpy as np

from xdl import backend
from xdl.errors import ArgumentError, CheckpointError
from xdl.io import tree
from xdl.io.listing import listed, short

VERSION = "1"
_CODES = {
    "bool": "BOOL",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
}
_DTYPES = {code: name for name, code in _CODES.items()}
_MOST_AXES = 64  # NumPy makes no array of more
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_LONGEST_HEAD = 1 << 25  # bytes: what is read of it takes some seconds at most
# How files of other formats start.
_STARTS = {
    b"PK": "a zip archive, such as .npz or PyTorch's .pt",
    b"\x80": "a pickle",
    b"\x93NUMPY": "an array of NumPy's, .npy",
    b"\x89HDF": "HDF5",
    b"GGUF": "GGUF",
    b"\x1f\x8b": "compressed by gzip",
}


def packed(skeleton, arrays):
    """Return the bytes of a file: its head, and a list of what follows it.

    The head is written here and not by safetensors, which writes wrong bytes for arrays
    that are not contiguous (its issue 825), and hides the number of a system's error.

    Args:
        skeleton: a JSON value.
        arrays: a dict from paths in it to NumPy arrays.

    Raises:
        ArgumentError: an array is of no dtype for it, two have one name, or the values
            are too many for a head.
    """
    tensors, content, offset, blocks = {}, {}, 0, []
    # The widest first: every array is then aligned.
    for path, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        name, dtype, shape = tree.name_of(path), array.dtype.name, array.shape
        if dtype not in _CODES or name in tensors or name == "__metadata__":
            raise ArgumentError(
                f"save: an array {name!r} of dtype {dtype} came, needed bool, an "
                "integer or a real floating dtype, and a name of its own"
            )
        blocks.append(_bytes_of(array))
        end = offset + blocks[-1].nbytes
        tensors[name] = {
            "dtype": _CODES[dtype],
            "shape": shape,
            "data_offsets": [offset, end],
        }
        content[name] = {
            "path": path,
            "dtype": dtype,
            "shape": shape,
            "sha256": hashlib.sha256(blocks[-1]).hexdigest(),
        }
        offset = end
    text = json.dumps({"state": skeleton, "tensors": content})
    metadata = {"xdl": VERSION, "content": text, "sha256": _digest(text)}
    entries = {"__metadata__": metadata, **tensors}
    listed = json.dumps(entries, separators=(",", ":"), ensure_ascii=False)
    head = listed.encode()
    head += b" " * (-len(head) % 8)
    if len(head) > _LONGEST_HEAD:
        raise ArgumentError(
            f"save: values of {len(head)} bytes as JSON came, needed at most "
            f"{_LONGEST_HEAD}; save long lists as arrays"
        )
    return len(head).to_bytes(8, "little") + head, blocks


def read(path):
    """Return the state that a file holds, every byte of it checked.

    It is read, not mapped: a file that another process cuts short is an error, where
    memory that it backs would end the process.

    Raises:
        CheckpointError: it is damaged, or no file that ``save`` wrote.
        OSError: it cannot be opened.
    """
    with _opened(path) as file:
        start = file.read(8)
        try:
            metadata, entries = _head(file, start)
        except _FAULTS as error:
            said = f"{_kind(start)} ({short(error)})"
            raise CheckpointError(f"load: {path}: {said}") from None
        if metadata.get("xdl") != VERSION:
            raise CheckpointError(f"load: {path}: {_other_version(metadata)}")
        try:
            return _checked(path, metadata, entries, file)
        except _FAULTS as error:
            raise CheckpointError(
                f"load: {path}: its metadata is damaged ({short(repr(error))})"
            ) from None


# What nonsense that is well-formed JSON leads to.
_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def _opened(path):
    """Return a regular file, opened without waiting for what is none."""
    try:
        opened = os.open(path, os.O_RDONLY | _WITHOUT_WAITING)
    except ValueError as error:  # a NUL in the path
        raise CheckpointError(f"load: {path!r}: {error}") from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise CheckpointError(f"load: {path}: it is no regular file") from None
        raise
    mode = os.fstat(opened).st_mode
    if stat.S_ISREG(mode):
        return open(opened, "rb", buffering=0)  # noqa: PTH123
    os.close(opened)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise CheckpointError(f"load: {path}: it is no regular file")


def _head(file, start):
    """Return the metadata of a file, and its entries: its arrays by their names."""
    size = os.fstat(file.fileno()).st_size - len(start)
    length = int.from_bytes(start, "little")
    longest = min(size, _LONGEST_HEAD)
    if len(start) < 8 or length > longest:
        raise ValueError(f"a head of {length} bytes came, needed at most {longest}")
    entries = json.loads(_read(file, length).tobytes().decode())
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise TypeError(f"its metadata is {type(metadata).__name__}")
    end = 0
    for name, entry in entries.items():
        itemsize, shape = _itemsize(_DTYPES[entry["dtype"]]), entry["shape"]
        if len(shape) > _MOST_AXES or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"{name!r} has shape {shape}")
        begin, end = entry["data_offsets"][0], max(end, entry["data_offsets"][1])
        nbytes = itemsize * math.prod(shape)
        if entry["data_offsets"] != [begin, begin + nbytes]:
            raise ValueError(f"{name!r} has {nbytes} bytes")
    if end != size - length:
        raise ValueError(f"{size - length} bytes of arrays, needed {end}")
    return metadata, entries


@functools.cache
def _itemsize(name):
    bits = name.lstrip("abcdefghijklmnopqrstuvwxyz")
    return int(bits) // 8 if bits else 1  # of a bool


def _read(file, nbytes):
    """Return the next bytes of a file as an array of bytes of its own."""
    array = np.empty(nbytes, np.uint8)
    done = 0
    while done < nbytes:
        count = file.readinto(array.data[done:])
        if not count:
            raise ValueError("it was cut short while it was read")
        done += count
    return array


def _checked(path, metadata, entries, file):
    """Return the state, once all that is in a file fits what its metadata says."""
    text = metadata["content"]
    if _digest(text) != metadata["sha256"]:
        raise CheckpointError(f"load: {path}: its metadata is damaged")
    content = json.loads(text)
    wanted, state = content["tensors"], content["state"]
    if not isinstance(state, dict):
        raise TypeError(f"the state is {type(state).__name__}")
    damaged = list(wanted.keys() ^ entries.keys())
    at, arrays = 0, {}
    for name, entry in sorted(
        entries.items(), key=lambda item: item[1]["data_offsets"]
    ):
        begin, end = entry["data_offsets"]
        if begin != at:
            raise ValueError(f"{name!r} begins at {begin}, needed {at}")
        data, at = _read(file, end - begin), end
        if name in wanted and _is_whole(wanted[name], entry, data):
            arrays[tuple(wanted[name]["path"])] = _array(wanted[name], data)
        elif name in wanted:
            damaged.append(name)
    if damaged:
        said = listed(map(repr, sorted(damaged)), ", ")
        raise CheckpointError(f"load: {path}: damaged: {said}")
    return tree.with_arrays(state, arrays)


def _is_whole(wanted, entry, data):
    """Tell whether an array is what the metadata says of it, with a digest."""
    is_as_said = wanted["dtype"] == _DTYPES[entry["dtype"]]
    is_as_said = is_as_said and wanted["shape"] == entry["shape"]
    is_truth = wanted["dtype"] != "bool" or not (data > 1).any()
    return (
        is_as_said and is_truth and wanted["sha256"] == hashlib.sha256(data).hexdigest()
    )


def _array(wanted, data):
    array = data.view(_dtype(wanted["dtype"])).reshape(wanted["shape"])
    return array if np.little_endian else array.byteswap()


@functools.cache
def _dtype(name):
    return np.dtype(backend.native_dtype(np, name))


def _kind(start):
    if not start:
        return "it is empty"
    for mark, name in _STARTS.items():
        if start.startswith(mark):
            return f"it is {name}, needed a file that xdl.save wrote"
    return "it is truncated, damaged or no safetensors file"


def _other_version(metadata):
    if "xdl" in metadata:
        return f"it has format {short(metadata['xdl'])}, needed {VERSION}"
    return (
        "it is a safetensors file that xdl.save did not write; read it with "
        "safetensors.numpy.load_file and give the arrays to load_state_dict"
    )


def _bytes_of(array):
    """Return the elements in C order and little-endian, as a flat array of bytes."""
    if array.dtype.byteorder == ">" or not np.little_endian:
        array = array.astype(array.dtype.newbyteorder("<"))
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
