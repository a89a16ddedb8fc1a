"""The parts of a native convolution: what each thread does, and how they are posted.

A unit is some rows of places of one image. The task of a convolution is a list of
integers: sizes, strides and addresses, at the places that are named here. Parts of
images do some units each; parts of taps do all units, for some of the taps.
"""

from xdl.native.gathered_blocks import GATHERED
from xdl.native.intrinsics import compiled
from xdl.native.pointers import address, at, first, integers, pointer, symbol

# Of what is read, and its padding.
_IMAGES, _HEIGHT, _WIDTH, _CHANNELS, _TOP, _LEFT, _STEP = range(7)
# Of places: their rows and columns, rows of a unit; rows and columns of its copy.
_ROWS, _COLUMNS, _SOME, _DEEP, _WIDE = range(7, 12)
# Of a product: its terms or taps, groups, channels of each that are read and made.
_TERMS, _GROUPS, _SHARE, _OUTS = range(12, 16)
_IMAGE, _ROW, _BASE = range(16, 19)  # strides of the result, and where it begins
_PARTS, _SLOT, _PACKED = range(19, 22)  # of the task; of the memory of a part
_IS_TAPS = 22
_X, _Y, _START, _OUT, _OF_ROWS, _OF_TERMS, _TO, _SPACE = range(23, 31)  # addresses
LENGTH = 31
NAMES = "images height width channels top left step rows columns some deep wide terms"
NAMES += " groups share outs image row base parts slot packed is_taps"
PLACES = {name: i for i, name in enumerate(NAMES.split())}


@compiled
def _panel(left, lanes, vectors):
    """Return how many columns the next panel has: they are as equal as can be."""
    panels = (left + vectors * lanes - 1) // (vectors * lanes)
    whole = (left + lanes - 1) // lanes
    return min((whole + panels - 1) // panels * lanes, left)


@compiled
def _pack(b, step, terms, columns, lanes, to):
    """Copy columns of rows ``step`` apart, zeros behind; return where they end."""
    wide = (columns + lanes - 1) // lanes * lanes
    for p in range(terms):
        for j in range(wide):
            to[p * wide + j] = b[p * step + min(j, columns - 1)]
    return at(to, terms * wide)


@compiled
def _copied(t, x, image, row, rows, space):
    """Copy what some rows of places see of an image, with its padding."""
    height, width, channels = t[_HEIGHT], t[_WIDTH], t[_CHANNELS]
    line, left = t[_WIDE] * channels, t[_LEFT]
    begin = min(max(-left, 0), t[_WIDE])  # columns of the padding before the image
    end = max(min(width - left, t[_WIDE]), begin)
    above = row * t[_STEP] + t[_TOP]
    for i in range(t[_DEEP] - (t[_SOME] - rows) * t[_STEP]):
        to, inside = at(space, i * line), above + i
        middle, much = begin * channels, (end - begin) * channels
        if inside < 0 or inside >= height:
            middle, much = 0, 0
        source = at(x, ((image * height + inside) * width + begin + left) * channels)
        for k in range(middle):
            to[k] = 0.0
        for k in range(much):
            to[middle + k] = source[k]
        for k in range(middle + much, line):
            to[k] = 0.0


def _rows_of(dtype, block):
    """Make the product of some gathered rows with packed columns, block by block."""
    tallest = GATHERED[dtype][1].rows

    @compiled
    def product(first, end, columns, of_a, of_b, c, to, start, adds):
        (a, rows, terms), (b, count), height = of_a, of_b, tallest
        while first < end:
            while height > end - first:
                height = 4 if height > 4 else height // 2
            given = at(rows, first), terms, count, b, c, at(to, first), start
            block(height, columns, a, *given, adds)
            first += height

    return product


def _of_images(dtype, product):
    """Make what does a unit of images: some rows of places, all columns."""
    form, registers = GATHERED[dtype]
    real, lanes, vectors = pointer(form.number), registers.lanes, registers.vectors

    @compiled
    def unit_of_images(t, space, image, row, places):
        rows, terms, to = (
            integers(t[_OF_ROWS]),
            integers(t[_OF_TERMS]),
            integers(t[_TO]),
        )
        c = at(real(t[_OUT]), image * t[_IMAGE] + row * t[_ROW] + t[_BASE])
        b, outs, column = at(real(t[_SPACE]), t[_PARTS] * t[_SLOT]), t[_OUTS], 0
        while column < outs * t[_GROUPS]:
            columns = _panel(outs - column % outs, lanes, vectors)
            a, start = (
                at(space, column // outs * t[_SHARE]),
                at(real(t[_START]), column),
            )
            given = (a, rows, terms), (b, t[_TERMS]), at(c, column), to, start
            product(0, places, columns, *given, False)
            b = at(b, t[_TERMS] * ((columns + lanes - 1) // lanes * lanes))
            column += columns

    return unit_of_images


def _of_taps(dtype, product):
    """Make what adds a unit to some of the taps."""
    form, registers = GATHERED[dtype]
    real, lanes, vectors = pointer(form.number), registers.lanes, registers.vectors

    @compiled
    def unit_of_taps(t, space, first, end, seen, places):
        rows, terms, to = (
            integers(t[_OF_TERMS]),
            integers(t[_OF_ROWS]),
            integers(t[_TO]),
        )
        b, outs, column = at(space, t[_SLOT] - t[_PACKED]), t[_OUTS], 0
        line = outs * t[_GROUPS]
        while column < line:
            columns = _panel(outs - column % outs, lanes, vectors)
            y = at(real(t[_Y]), seen * line + column)
            _pack(y, line, places, columns, lanes, b)
            a, start = (
                at(space, column // outs * t[_SHARE]),
                at(real(t[_START]), column),
            )
            given = (a, rows, terms), (b, places), at(real(t[_OUT]), column), to, start
            product(first, end, columns, *given, seen > 0)
            column += columns

    return unit_of_taps


def part(dtype, block):
    """Make the function of a part of a task.

    Args:
        dtype: of the numbers.
        block: what ``gathered_block`` makes.
    """
    real, product = pointer(GATHERED[dtype][0].number), _rows_of(dtype, block)
    unit_of_images, unit_of_taps = _of_images(dtype, product), _of_taps(dtype, product)

    @compiled
    def part(index, task):
        t = integers(task)
        blocks = (t[_ROWS] + t[_SOME] - 1) // t[_SOME]
        parts, space = t[_PARTS], at(real(t[_SPACE]), index * t[_SLOT])
        units = t[_IMAGES] * blocks
        first, end = index * units // parts, (index + 1) * units // parts
        if t[_IS_TAPS]:
            first, end = 0, units
        for unit in range(first, end):
            image, row = unit // blocks, unit % blocks * t[_SOME]
            rows = min(t[_SOME], t[_ROWS] - row)
            _copied(t, real(t[_X]), image, row, rows, space)
            places = rows * t[_COLUMNS]
            if t[_IS_TAPS]:
                taps, seen = t[_TERMS], (image * t[_ROWS] + row) * t[_COLUMNS]
                some = index * taps // parts, (index + 1) * taps // parts
                unit_of_taps(t, space, *some, seen, places)
            else:
                unit_of_images(t, space, image, row, places)

    return part


def posting(dtype, share):
    """Make what posts a task, once all addresses are known."""
    lanes, vectors = GATHERED[dtype][1].lanes, GATHERED[dtype][1].vectors
    part = symbol(f"xdl_convolution_part_{dtype}")

    @compiled
    def post(x, y, start, out, task, rows, terms, to, space):
        t = first(task)
        t[_X], t[_Y] = address(first(x)), address(first(y))
        t[_START], t[_OUT] = address(first(start)), address(first(out))
        t[_OF_ROWS], t[_OF_TERMS] = address(first(rows)), address(first(terms))
        t[_TO], t[_SPACE] = address(first(to)), address(first(space))
        outs, line = t[_OUTS], t[_OUTS] * t[_GROUPS]
        packed, column = at(first(space), t[_PARTS] * t[_SLOT]), t[_IS_TAPS] * line
        while column < line:
            columns = _panel(outs - column % outs, lanes, vectors)
            b = at(first(y), column)
            packed = _pack(b, line, t[_TERMS], columns, lanes, packed)
            column += columns
        share(part(), address(t), t[_PARTS])

    return post
