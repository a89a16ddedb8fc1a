"""What a notebook shows: tables and drawings, as HTML and SVG texts."""

_LETTER, _LINE, _GAP, _SPACE = 7, 26, 24, 18  # pixels
_MOST = 300  # boxes: a larger drawing nobody looks at
_LOOKS = {
    "operation": 'fill="#ffffff" stroke="#555555"',
    "input": 'fill="#eeeeee" stroke="#999999" stroke-dasharray="4 2"',
    "weight": 'fill="#dbe9f6" stroke="#4878a8" rx="13"',
}
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'font-family="Helvetica, sans-serif" font-size="12">'
    '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="3" '
    'orient="auto"><path d="M0,0 L7,3 L0,6 z" fill="#555555"/></marker></defs>'
)


def escaped(text):
    """Return a text as HTML, without the markup in it."""
    pairs = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
    for letter, entity in pairs:
        text = text.replace(letter, entity)
    return text


def table(rows, foot):
    """Return an HTML table.

    Args:
        rows: lists of str; the first one is the head.
        foot: a str that stands below.
    """
    lines = []
    for i, row in enumerate(rows):
        cell = "td" if i else "th"
        cells = [f"<{cell}>{escaped(text)}</{cell}>" for text in row]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table><p>{escaped(foot)}</p>"


def svg(boxes, arrows):
    """Return a drawing of boxes in rows, each below those that lead to it.

    Args:
        boxes: (identifier, label, kind), where no arrow leads back to an earlier one.
        arrows: pairs of identifiers.

    Returns:
        The SVG text; None for more boxes than anybody looks at.
    """
    if len(boxes) > _MOST:
        return None
    rows = _rows([identifier for identifier, _, _ in boxes], arrows)
    sizes = {name: len(label) * _LETTER + 16 for name, label, _ in boxes}
    lengths = [sum(sizes[n] + _SPACE for n in row) - _SPACE for row in rows]
    width = max(lengths, default=0)
    places = {}
    for i, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        x = (width - length) // 2 + 2
        for name in row:
            places[name] = x, i * (_LINE + _GAP) + 2
            x += sizes[name] + _SPACE
    height = len(rows) * (_LINE + _GAP) - _GAP + 4
    drawn = [_HEAD.format(width=width + 4, height=height)]
    for source, target in arrows:
        (x1, y1), (x2, y2) = places[source], places[target]
        ends = f'x1="{x1 + sizes[source] // 2}" y1="{y1 + _LINE}" '
        ends += f'x2="{x2 + sizes[target] // 2}" y2="{y2}"'
        drawn.append(f'<line {ends} stroke="#555555" marker-end="url(#tip)"/>')
    for name, label, kind in boxes:
        (x, y), size = places[name], sizes[name]
        shape = f'x="{x}" y="{y}" width="{size}" height="{_LINE}" {_LOOKS[kind]}'
        text = f'x="{x + size // 2}" y="{y + 17}" text-anchor="middle"'
        drawn.append(f"<rect {shape}/><text {text}>{escaped(label)}</text>")
    return "".join([*drawn, "</svg>"])


def _rows(names, arrows):
    """Return lists of names: each stands as low as what leads to it asks for."""
    level = dict.fromkeys(names, 0)
    leading: dict[str, list[str]] = {}
    for source, target in arrows:
        leading.setdefault(target, []).append(source)
    for name in names:
        level[name] = max([level[n] + 1 for n in leading.get(name, ())], default=0)
    lowest: dict[str, int] = {}
    for source, target in arrows:
        lowest[source] = min(lowest.get(source, len(names)), level[target] - 1)
    for name in names:  # a weight stands right above what uses it
        if name not in leading:
            level[name] = lowest.get(name, 0)
    rows: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for name in names:
        rows[level[name]].append(name)
    return rows
