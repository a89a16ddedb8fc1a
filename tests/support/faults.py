"""The numbering that the tests of bad input share."""

import pytest


def fault(number, *cases, names="case"):
    """Parametrise over cases whose ids start with the number of the fault."""
    ids = [f"{number}-{i}" for i in range(len(cases))]
    return pytest.mark.parametrize(names, cases, ids=ids)
