"""The flavour of a test's dev chains, and the key prefix of its signups.

`both_flavours` (conftest.py) runs a test on each. `every_flavour` does so where FLAVOURS=all is in the environment, for
a long run; else tests/faults/test_bitshares.py has the most telling of these tests on the other one, too.
"""

import contextlib
import os
from collections.abc import Iterator

from devchain import Flavour

BOTH = tuple(Flavour)
PARAMETRIZED = BOTH if os.environ.get("FLAVOURS") == "all" else BOTH[:1]

_flavours = [Flavour.PEERPLAYS]  # the last one is in force


def flavour() -> Flavour:
    """The flavour in force."""
    return _flavours[-1]


def prefix() -> str:
    """The prefix of public keys on such a chain."""
    return flavour().traits.symbol


def has_results() -> bool:
    """Whether the chain's blocks have operation results."""
    return flavour().traits.has_results


@contextlib.contextmanager
def flavoured(chosen: Flavour) -> Iterator[None]:
    """Dev chains that are started in the block have this flavour."""
    _flavours.append(chosen)
    try:
        yield
    finally:
        _flavours.pop()
