"""What is done to the machines and to PostgreSQL, and when: a pure function of the seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.harness.networks import Link

LEASE = 2.0  #: seconds
OWNER, OTHER = "owner", "other"

DATABASE, CHAIN, CLIENTS = (Link.DATABASE,), (Link.CHAIN,), (Link.CLIENTS,)
CUT_OFF = tuple(Link)


@dataclass(frozen=True)
class Disturbance:
    """Something that is done to a machine: a method of `MachineDisturbances`."""

    after: float  #: seconds after the previous one began
    name: str
    target: str  #: the chain's owner, or another machine
    links: Sequence[Link]  #: that are cut, if it is that
    seconds: float  #: that it lasts


@dataclass(frozen=True)
class Failure:
    """Something that is done to PostgreSQL: a method of `DatabaseDisturbances`."""

    after: float  #: seconds after the previous one ended
    name: str
    seconds: float  #: that it lasts, if it lasts


#: Each kind of disturbance; the most telling ones are listed more than once.
KINDS: list[tuple[str, str, Sequence[Link]]] = [
    ("kill", OWNER, ()),
    ("kill", OWNER, ()),
    ("terminate", OWNER, ()),
    ("freeze", OWNER, ()),
    ("freeze", OWNER, ()),
    ("freeze_amid_a_transaction", OWNER, ()),
    ("cut", OWNER, DATABASE),
    ("cut", OWNER, DATABASE),
    ("cut", OWNER, CHAIN),
    ("cut", OWNER, CUT_OFF),
    ("kill", OTHER, ()),
    ("terminate", OTHER, ()),
    ("freeze", OTHER, ()),
    ("freeze_amid_a_transaction", OTHER, ()),
    ("cut", OTHER, DATABASE),
    ("cut", OTHER, CLIENTS),
]
FAILURES = ("crash", "lose_session", "lose_session", "freeze", "freeze")
OF_STANDBY = ("freeze_standby", "freeze_standby")


def disturbances(seed: int, pause: float) -> Iterator[Disturbance]:
    """An endless stream: each round has every kind once, shuffled, with `pause` seconds between two at most."""
    rng = _rng(seed, "machines")
    while True:
        for name, target, links in rng.sample(KINDS, len(KINDS)):
            longest = rng.choice((1, LEASE, 3 * LEASE))
            yield Disturbance(rng.uniform(0, pause), name, target, links, rng.uniform(0.2, longest))


def failures(seed: int, pause: float, kinds: Sequence[str] = FAILURES) -> Iterator[Failure]:
    """An endless stream: each round has every kind once, shuffled, with `pause` seconds between two at most."""
    rng = _rng(seed, "database")
    while True:
        for name in rng.sample(kinds, len(kinds)):
            yield Failure(rng.uniform(0, pause), name, rng.uniform(0.2, rng.choice((1, LEASE, 4 * LEASE))))


def _rng(seed: int, purpose: str) -> random.Random:
    """A generator of its own for each purpose, so that one does not shift another."""
    return random.Random(f"{purpose} {seed}")  # noqa: S311  # chance, not secrecy
