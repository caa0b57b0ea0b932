"""What goes wrong and when: a pure function of the seed."""

import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from devchain import Flavour
from tests.harness.flavours import flavour
from tests.harness.lying.grammar import random_lie
from tests.harness.lying.lies import MadeUpNames
from tests.harness.support import data

#: Methods of the ledger and the node before and after which the faucet can die, see tests/harness/killed_faucet.py.
METHODS = (
    "signups._commit", "drain.queued", "drain.unfunded", "drain.record_signed", "drain.refuse", "drain.claim_existing",
    "drain.fail", "drain.live", "blocks.follow", "blocks.orphan", "blocks.finalize", "blocks.release",
    "blocks.finalize_claimed", "expiry.expire", "chain_status.save", "node.head", "node.accounts", "node.account_ids",
    "node.parameters", "node.balance", "node.required_fees", "node.broadcast", "node.block",
)  # fmt: skip
STEPS = tuple(f"{when}:{method}" for method in METHODS for when in ("before", "after"))

#: Calls of the faucet that can go wrong.
CALLS = (
    "broadcast_transaction", "get_block", "lookup_account_names", "get_required_fees", "get_account_balances",
    "get_dynamic_global_properties", "get_global_properties",
)  # fmt: skip
FAULTS = (
    "drop_before", "drop_after", "hang", "late", "garbage", "wrong_id", "wrong_type", "half_reply", "huge_reply",
)  # fmt: skip
#: Refusals as a real node words them, of tests/data: none that would be a reason to end a signup.
REFUSALS: dict[Flavour, tuple[str, Sequence[str]]] = {
    Flavour.PEERPLAYS: (
        "node-errors.json",
        (
            "expired", "tapos wrong prefix", "wrong key", "insufficient balance for fee", "fee too low (0)",
            "unknown op number",
        ),
    ),
    Flavour.BITSHARES: (
        "node-errors-bitshares.json",
        (
            "expired", "unknown reference: wrong prefix", "missing authority: wrong key", "fee too low: nothing",
            "insufficient balance: registrar has too little", "unknown operation number",
        ),
    ),
}  # fmt: skip

DEAR, A_LITTLE_DEARER = 50_000_000, 650_000  #: basic fees, satoshi: above the faucet's ceiling, and below it


@dataclass(frozen=True)
class Life:
    """How long the faucet runs, and how it ends."""

    step: str | None  #: where it dies by itself, such as after:drain.record_signed:2, if it gets there in time
    seconds: float  #: after which `signal` ends it
    signal: signal.Signals


@dataclass(frozen=True)
class Action:
    """Something that goes wrong on the chain's side: a method of `Disturbances`."""

    after: float  #: seconds after the previous one ended
    name: str
    arguments: tuple[Any, ...]


def lives(seed: int, kills: int) -> list[Life]:
    """A sequence of lives. `kills` of them end by SIGKILL, half of those at a step; a few more end by SIGTERM."""
    rng = _rng(seed, "lives")
    steps = cycle(rng.sample(STEPS, len(STEPS)))
    found: list[Life] = []
    for number in range(kills):
        if rng.random() < 0.12:
            found.append(Life(None, rng.uniform(0.5, 3), signal.SIGTERM))
        step = f"{next(steps)}:{rng.randint(1, 6)}" if number % 2 else None
        found.append(Life(step, rng.uniform(2, 4) if step else rng.uniform(0, 4), signal.SIGKILL))
    return found


def actions(seed: int, pause: float = 0.8) -> Iterator[Action]:
    """An endless stream: each round has every kind once, shuffled, with `pause` seconds between two at most."""
    rng = _rng(seed, "actions")
    while True:
        for name, arguments in rng.sample(KINDS, len(KINDS)):
            yield Action(rng.uniform(0, pause), name, arguments(rng))


Arguments = Callable[[random.Random], tuple[Any, ...]]


def _forget(rng: random.Random) -> tuple[Any, ...]:
    """How many blocks; whether their transactions are pending again, and in another order."""
    return rng.choice((1, 2, 5, 10, 20)), rng.random() < 0.7, rng.random() < 0.5


def _fault(rng: random.Random) -> tuple[Any, ...]:
    seconds = rng.uniform(0, 2)
    return ({"on": rng.choice(CALLS), "do": rng.choice(FAULTS), "times": rng.randint(1, 3), "seconds": seconds},)


def _lost_broadcast(rng: random.Random) -> tuple[Any, ...]:
    return ({"on": "broadcast_transaction", "do": rng.choice(FAULTS), "times": rng.randint(1, 6), "seconds": 0.5},)


def _refusal(rng: random.Random) -> tuple[Any, ...]:
    name, cases = REFUSALS[flavour()]
    error = data(name)[rng.choice(cases)]["error"]
    return ({"on": "broadcast_transaction", "do": "refuse", "times": rng.randint(1, 3), "error": error},)


#: Each kind of action and how its arguments are drawn; the most important ones are listed more than once.
KINDS: list[tuple[str, Arguments]] = [
    ("orphan", _forget),
    ("orphan", _forget),
    ("orphan", _forget),
    ("fault", _fault),
    ("fault", _fault),
    ("fault", _lost_broadcast),
    ("fault", _lost_broadcast),
    ("fault", _refusal),
    ("disconnect", lambda _: ()),
    ("kill_node", lambda rng: (rng.uniform(0, 2), rng.choice((0, 0, 3, 8)))),
    ("stall", lambda rng: (rng.uniform(0.2, 2),)),
    ("stale", lambda rng: (rng.uniform(0.2, 2),)),
    ("fee", lambda rng: (rng.choice((DEAR, A_LITTLE_DEARER)), rng.uniform(0.2, 2))),
    ("take", lambda rng: (tuple(rng.sample(range(20), 2)),)),
]

#: Lies that end a signup which is in order, and that nobody can tell from the truth while only the liar is asked: the
#: list of names decides at acceptance, when no second node is asked. All other lies must be found out.
LEFT_OUT = (MadeUpNames,)


def lies(seed: int) -> Iterator[Action]:
    """An endless stream of lies, independent of the other actions."""
    rng = _rng(seed, "lies")
    while True:
        lie = random_lie(rng, "chaos-*")
        if not isinstance(lie, LEFT_OUT):
            yield Action(rng.uniform(0, 0.4), "lie", (lie, rng.uniform(0.2, 2.5), rng.random() < 0.5))


@dataclass(frozen=True)
class Wish:
    """A signup that a client wants, and how persistently."""

    name: str
    password: str  #: its keys are made of it
    posts: int  #: how many replies the client waits for
    patient: bool  #: whether it is posted again after no reply
    pause: float  #: seconds before it is posted first


def wishes(seed: int, signups: int) -> list[Wish]:
    """`signups` signups, a few of which compete for the same name."""
    rng = _rng(seed, "wishes")
    return list(islice(_wishes(rng), signups))


def _wishes(rng: random.Random) -> Iterator[Wish]:
    number = 0
    while True:
        number += 1
        passwords = ("one", "two") if rng.random() < 0.02 else ("one",)
        for password in passwords:
            posts, patient = rng.choice((1, 1, 1, 2)), rng.random() < 0.9
            yield Wish(f"chaos-{number}", password, posts, patient, rng.uniform(0, 0.2))


def _rng(seed: int, purpose: str) -> random.Random:
    """A generator of its own for each purpose, so that one does not shift another."""
    return random.Random(f"{purpose} {seed}")  # noqa: S311  # chance, not secrecy
