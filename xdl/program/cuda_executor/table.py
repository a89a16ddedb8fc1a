"""The table: the numbers of a step, in the memory of the GPU.

What Python would give a kernel by value would be the same at each replay of a graph. So
hyperparameters, what is computed of them, and the name of the next random draw lie in
one table, which one launch fills where they have changed.
"""

import struct
from typing import Any

import numpy as np

from xdl.program.interpreter import made_numbers, number_of

_FILL = r"""
struct Given { unsigned long long words[COUNT]; };
extern "C" __global__ void xdl_fill(const Given given, unsigned long long* table) {
  for (int i = threadIdx.x; i < COUNT; i += blockDim.x) table[i] = given.words[i];
}
"""
_WORD = 2**64
_DRAW = 3  # words that name a draw
FIRST = _DRAW + 2  # behind them, the code of the step's checks, and where it goes
_MOST = 500  # words: the arguments of a launch are 4 KB


class Table:
    """The numbers that a program's kernels read.

    Args:
        cupy: the module.
        program: the Program.
        places: how many words behind FIRST say where arguments and results lie.

    Attributes:
        draw: the three words of the key and number of the next draw.
        words: all of it, on the GPU.
    """

    def __init__(self, cupy, program, places):
        self._cupy, self._first = cupy, FIRST + places
        self._arithmetic = [
            one for one in program.instructions if one.result and one.result.is_number
        ]
        self._places = {}
        self._made, self._before = {}, None
        self._values = []

    def place(self, value):
        """Give a number a place; whoever reads it asks before the table is made."""
        if value not in self._places:
            self._places[value] = self._first + len(self._values)
            self._values.append(value)

    def make(self):
        """Make the table, once all numbers have their places."""
        count = self._first + len(self._values)
        self._words: Any = np.zeros(count, np.uint64)
        self.words = self._cupy.zeros(count, "uint64")
        self.draw = self.words[:_DRAW]
        text = _FILL.replace("COUNT", str(min(count, _MOST)))
        self._kernel = self._cupy.RawKernel(text, "xdl_fill")
        self._given = self._words.view([("words", np.uint64, (count,))])
        self._pack = struct.Struct(f"={self._first}Q").pack_into
        self._block = min(count, 256)

    def array(self, value):
        """Return the array of float64 without axes that holds a number."""
        at = self._places[value]
        return self.words[at : at + 1].view("float64").reshape(())

    def set_numbers(self, numbers):
        """Take over hyperparameters; the next ``fill`` sends what has changed."""
        self._made = made_numbers(self._arithmetic, numbers)
        for value in self._values:
            number = self._made.get(value)
            number = number_of(value, numbers) if number is None else number
            at = self._places[value]
            self._words[at : at + 1].view(np.float64)[0] = number
        self._numbers = numbers

    def number(self, value):
        """Return a number as it is now, for the host."""
        made = self._made.get(value)
        return number_of(value, self._numbers) if made is None else made

    def fill(self, key, number, code, flag, places):
        """Send the table, if anything in it has changed since it was sent last.

        Args:
            key, number: the name of the next draw.
            code: that a failed check of the step sets.
            flag: the address of what it sets to it.
            places: the addresses of arguments and results.
        """
        high, low = divmod(key, _WORD)
        high, number = high % _WORD, number % _WORD
        self._pack(self._words, 0, low, high, number, code, flag, *places)
        now = self._words.tobytes()
        if now == self._before:
            return
        if len(self._words) > _MOST:
            self.words.set(self._words)  # which waits
        else:
            self._kernel((1,), (self._block,), (self._given, self.words))
        self._before = now
