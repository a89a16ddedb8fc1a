"""The file: safetensors, with a digest of every part of it that could be damaged."""

import hashlib
import json
import pathlib

import numpy as np

from xdl.errors import ArgumentError, CheckpointError
from xdl.io import tree

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
_LONGEST_HEAD = 100_000_000  # safetensors reads no longer one
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
    head = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    if len(head) > _LONGEST_HEAD:
        raise ArgumentError(
            f"save: values of {len(head)} bytes as JSON came, needed at most "
            f"{_LONGEST_HEAD}; save long lists as arrays"
        )
    return len(head).to_bytes(8, "little") + head, blocks


def read(path):
    """Return the state that a file holds, every byte of it checked.

    Raises:
        CheckpointError: it is damaged, or no file that ``save`` wrote.
        OSError: it cannot be opened.
    """
    # Imported here: only those who load need it.
    from safetensors import SafetensorError, safe_open

    start = _start_of(path)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise CheckpointError(f"load: {path}: {_kind(start)} ({error})") from None
    if metadata.get("xdl") != VERSION:
        raise CheckpointError(f"load: {path}: {_other_version(metadata)}")
    try:
        return _checked(path, metadata, arrays)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise CheckpointError(
            f"load: {path}: its metadata is damaged ({error!r})"
        ) from None


def _checked(path, metadata, arrays):
    text = metadata["content"]
    if _digest(text) != metadata["sha256"]:
        raise CheckpointError(f"load: {path}: its metadata is damaged")
    try:
        content = json.loads(text)
    except RecursionError:
        raise CheckpointError(
            f"load: {path}: its metadata is nested too deep"
        ) from None
    wanted = content["tensors"]
    damaged = sorted(wanted.keys() ^ arrays.keys())
    damaged += [
        name
        for name in wanted.keys() & arrays.keys()
        if wanted[name]["sha256"] != hashlib.sha256(_bytes_of(arrays[name])).hexdigest()
        or wanted[name]["dtype"] != arrays[name].dtype.name
        or wanted[name]["shape"] != list(arrays[name].shape)
    ]
    if damaged:
        raise CheckpointError(
            f"load: {path}: damaged: " + ", ".join(map(repr, sorted(damaged)))
        )
    placed = {tuple(wanted[name]["path"]): arrays[name] for name in arrays}
    return tree.with_arrays(content["state"], placed)


def _start_of(path):
    file = pathlib.Path(path)
    try:
        if file.exists() and not file.is_file() and not file.is_dir():
            raise CheckpointError(f"load: {path}: it is no regular file")
        with file.open("rb") as opened:
            return opened.read(8)
    except ValueError as error:  # a NUL in the path
        raise CheckpointError(f"load: {path!r}: {error}") from None


def _kind(start):
    if not start:
        return "it is empty"
    for mark, name in _STARTS.items():
        if start.startswith(mark):
            return f"it is {name}, needed a file that xdl.save wrote"
    return "it is truncated, damaged or no safetensors file"


def _other_version(metadata):
    if "xdl" in metadata:
        return f"it has format {metadata['xdl']}, needed {VERSION}"
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
