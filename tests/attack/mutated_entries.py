"""Damage a warm cache of native code many times; say what became of each process.

``python -m tests.attack.mutated_entries FOLDER COUNT SEED`` prints a JSON dict from
outcome to how often it came: "right", "wrong", an error's name or a signal's.
"""

import collections
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import traceback

import numpy as np

from xdl.native.cache import load, native


def flip_a_bit(content, draw):
    place = draw.randrange(8 * len(content))
    content[place // 8] ^= 1 << place % 8
    return content


def truncate(content, draw):
    return content[: draw.randrange(len(content))]


def zero_a_piece(content, draw):
    begin = draw.randrange(len(content))
    end = min(len(content), begin + draw.choice([1, 512, 4096, len(content)]))
    content[begin:end] = bytes(end - begin)
    return content


def fill_with_noise(content, draw):
    return draw.randbytes(len(content))


def append(content, draw):
    return content + draw.randbytes(draw.randrange(1, 100))


CHANGES = [flip_a_bit, truncate, zero_a_piece, fill_with_noise, append]


SOURCE = """
@native
def step(x, y):
    for i in range(x.size):
        y[i] = 2.0 * x[i] + 1.0
"""


def result():
    y = np.empty(3)
    load(SOURCE).step(np.arange(3.0), y)
    return y.tolist()


def outcome(folder):
    """Return what became of a process of its own that uses a cache."""
    child = os.fork()
    if child == 0:
        os.environ["XDL_CACHE"] = str(folder)
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
        try:
            code = 0 if result() == [1.0, 3.0, 5.0] else 1
        except BaseException:
            traceback.print_exc()
            code = 2
        os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        return signal.Signals(-status).name
    return {0: "right", 1: "wrong"}.get(status, "error")


def main(folder, count, seed):
    folder, draw = pathlib.Path(folder), random.Random(seed)
    warm, damaged = folder / "warm", folder / "damaged"
    native(lambda x: x + 1.0)(1.0)  # what is done once in Numba, before the forks
    assert outcome(warm) == "right"
    found = collections.Counter()
    for i in range(count):
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(warm, damaged)
        files = [p for p in sorted(damaged.rglob("*")) if p.is_file()]
        file = draw.choice(files)
        change = CHANGES[i % len(CHANGES)] if seed else flip_a_bit
        file.write_bytes(change(bytearray(file.read_bytes()), draw))
        found[outcome(damaged)] += 1
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
