"""Lists in messages: as much of them as a reader takes in."""

_MOST, _LONGEST = 8, 300


def listed(items, separator):
    """Return the first of some texts, joined, and how many more there are."""
    items = list(items)
    more = [f"and {len(items) - _MOST} more"] if len(items) > _MOST else []
    return separator.join([*map(short, items[:_MOST]), *more])


def short(text):
    """Return a text, or its beginning if it is long."""
    text = str(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
