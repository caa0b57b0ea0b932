"""Random lies, for hypothesis or from a seed, that suit a default dev chain."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from chain.keys import format_public_key
from devchain.settings import published_key
from tests.harness.lying import lies as vocabulary
from tests.harness.lying.lie import Lie
from tests.harness.lying.money import EVERY_KIND
from tests.harness.lying.shapes import Path

REGISTRAR = "1.2.7"
SOMEBODY = ("1.2.8", "1.2.9")  #: accounts that a liar may own
LIARS_KEY = format_public_key(published_key("liar").public, "TEST")

#: Targets of lies: the result of each call, and paths in it.
PLACES: tuple[tuple[str, Path], ...] = (
    ("get_required_fees", ()),
    ("get_required_fees", (0, "amount")),
    ("get_account_balances", (0, "amount")),
    ("get_dynamic_global_properties", ("head_block_number",)),
    ("get_dynamic_global_properties", ("head_block_id",)),
    ("get_dynamic_global_properties", ("time",)),
    ("get_dynamic_global_properties", ("last_irreversible_block_num",)),
    ("get_dynamic_global_properties", ("accounts_registered_this_interval",)),
    ("get_global_properties", ("parameters", "current_fees", "scale")),
    ("get_global_properties", ("parameters", "maximum_transaction_size")),
    ("get_global_properties", ("parameters", "block_interval")),
    ("get_block", ()),
    ("get_block", ("previous",)),
    ("get_block", ("transactions",)),
    ("get_block", ("transactions", 0, "operation_results")),
    ("get_block", ("transactions", 0, "operation_results", 0, 1)),
    ("get_block", ("transactions", 0, "signatures")),
    ("lookup_account_names", ()),
    ("lookup_account_names", (0, "id")),
    ("lookup_account_names", (0, "active", "key_auths")),
    ("get_objects", (0, "precision")),
    ("lookup_accounts", ()),
)

METHODS = tuple(sorted({method for method, _ in PLACES}))


@dataclass(frozen=True)
class Choice:
    """One of these values."""

    values: tuple[Any, ...]

    def pick(self, rng: random.Random) -> Any:
        return rng.choice(self.values)

    def strategy(self) -> st.SearchStrategy[Any]:
        return st.sampled_from(self.values)


@dataclass(frozen=True)
class Span:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def pick(self, rng: random.Random) -> int:
        return rng.randint(self.low, self.high)

    def strategy(self) -> st.SearchStrategy[int]:
        return st.integers(self.low, self.high)


@dataclass(frozen=True)
class Kind:
    """A kind of lie, and strategies for its members; the others have their defaults."""

    make: Callable[..., Lie]
    members: dict[str, Choice | Span]

    def pick(self, rng: random.Random) -> Lie:
        return self.make(**{name: chance.pick(rng) for name, chance in self.members.items()})

    def strategy(self) -> st.SearchStrategy[Lie]:
        return st.builds(self.make, **{name: chance.strategy() for name, chance in self.members.items()})


@dataclass(frozen=True)
class Step:
    """A step before a round of a campaign: one more lie, or the truth again."""

    round: int
    lie: Lie | None


def money_kinds(names: str = "*") -> tuple[Kind, ...]:
    """Lies that are meant to cost the registrar money; `names` is a pattern of those who sign up."""
    return (*_identity_kinds(), *_account_kinds(names), *_block_kinds(names), *_fee_kinds(), *_broadcast_kinds())


def nuisance_kinds() -> tuple[Kind, ...]:
    """Lies that are meant to make a client stop, fail or grow; the sizes are small enough for many of them."""
    return (
        _kind(_wrong_value, place=PLACES, value=tuple(vocabulary.WRONG_VALUES)),
        _kind(_missing_member, place=tuple(place for place in PLACES if place[1])),
        _kind(vocabulary.DeepNesting, method=METHODS, depth=Span(1, 50_000)),
        _kind(vocabulary.HugeFrame, method=METHODS, megabytes=Span(1, 5), numbers=(True, False)),
        _kind(vocabulary.Garbage, method=METHODS, text=("", "no JSON", "{}", "[]", '{"id":', '{"id":null,"result":1}')),
        _kind(vocabulary.LongText, member=("name", "symbol", "id", "time"), size=Span(200, 1_000_000)),
        _kind(vocabulary.Flood, kind=tuple(vocabulary.FLOODS), frames=Span(1, 1000)),
        _kind(vocabulary.Redirect, status=(301, 302, 307, 308)),
        _kind(vocabulary.HandshakeRefused, status=(401, 403, 429, 503)),
        _kind(vocabulary.GarbageNames, kind=tuple(vocabulary.GARBAGE)),
        _kind(vocabulary.EndlessNames),
        _kind(vocabulary.LongerPages, times=Span(2, 20)),
        _kind(vocabulary.MadeUpNames, names=(("made-up-1",), ("chaos-1", "chaos-2"), ("zz-top",))),
    )


def lies(names: str = "*") -> st.SearchStrategy[Lie]:
    """Every kind of lie that is meant to cost money, with random members."""
    return st.one_of([kind.strategy() for kind in money_kinds(names)])


def campaigns(names: str = "*", *, rounds: int = 20, max_steps: int = 6) -> st.SearchStrategy[list[Step]]:
    """Lies and their ends, in the order of their rounds, which count from 0."""
    steps = st.builds(Step, st.integers(0, rounds - 1), st.none() | lies(names))
    return st.lists(steps, min_size=1, max_size=max_steps).map(lambda found: sorted(found, key=lambda step: step.round))


def random_lie(rng: random.Random, names: str = "*", *, nuisances: float = 0.25) -> Lie:
    """A random lie; this share of them is meant to annoy rather than to cost money."""
    kinds = nuisance_kinds() if rng.random() < nuisances else money_kinds(names)
    return rng.choice(kinds).pick(rng)


def _kind(make: Callable[..., Lie], **members: Sequence[Any] | Span) -> Kind:
    chances = {name: chance if isinstance(chance, Span) else Choice(tuple(chance)) for name, chance in members.items()}
    return Kind(make, chances)


def _wrong_value(place: tuple[str, Path], value: str) -> Lie:
    return vocabulary.WrongValue(*place, value)


def _missing_member(place: tuple[str, Path]) -> Lie:
    return vocabulary.MissingMember(*place)


def _identity_kinds() -> Iterator[Kind]:
    yield _kind(vocabulary.Precision, decimals=Span(0, 12))
    yield _kind(vocabulary.Symbol, symbol=("CORE", "BTC", ""))
    yield _kind(vocabulary.Prefix, prefix=("BTS", "TES", ""))
    yield _kind(vocabulary.ChainId, chain_id=("00" * 32, "ab" * 32))


def _account_kinds(names: str) -> Iterator[Kind]:
    either = (names, "faucet")
    roles = (("owner", "active", "memo"), ("active",), ("owner",), ("memo",))
    yield _kind(vocabulary.AccountId, names=(names, "faucet", "referrer"), account_id=SOMEBODY)
    yield _kind(vocabulary.SwappedIds, one=("faucet", "referrer"), other=("plain-account1", "committee-account"))
    yield _kind(vocabulary.AccountKeys, names=either, key=(LIARS_KEY,), roles=roles)
    yield _kind(vocabulary.Weights, names=either, threshold=(None, 0, 1, 2, 100), weight=(None, 0, 1, 2))
    yield _kind(vocabulary.AddedAuthority, names=either, holder=SOMEBODY, weight=Span(1, 2))
    yield _kind(vocabulary.AddedAuthority, names=either, holder=(LIARS_KEY,), kind=("key_auths",), weight=Span(1, 2))
    yield _kind(vocabulary.Membership, names=either, until=(vocabulary.NEVER, vocabulary.FOREVER))
    yield _kind(vocabulary.TakenNames, names=(names,), account_id=(*SOMEBODY, "1.2.999999"))
    yield _kind(vocabulary.FreeNames, names=either)


def _block_kinds(names: str) -> Iterator[Kind]:
    yield _kind(vocabulary.ResultIds, names=(names,), account_id=SOMEBODY)
    yield _kind(vocabulary.RotatedResults)
    yield _kind(vocabulary.ShiftedResults, by=Span(-3, 3))
    yield _kind(vocabulary.NoResults, kept=(True, False))
    yield _kind(vocabulary.HiddenTransactions, account=(None, REGISTRAR))
    yield _kind(vocabulary.MadeUpTransfer, receiver=SOMEBODY, amount=Span(1, 10**9), every=Span(1, 5))
    registration = {"name": ("made-up-1", "made-up-2"), "account_id": SOMEBODY, "key": (LIARS_KEY,)}
    yield _kind(vocabulary.MadeUpRegistration, **registration, every=Span(1, 5))
    yield _kind(vocabulary.FalseInclusion, first_id=(9, 10, 900_000))
    yield _kind(vocabulary.HigherBlocks, ahead=Span(1, 200), seconds=Span(0, 60))
    yield _kind(vocabulary.HigherBlocks, up_to=Span(1, 500), seconds=Span(0, 3))
    yield _kind(vocabulary.HeadBehind, blocks=Span(1, 50))
    yield _kind(vocabulary.HeadTime, seconds=Span(-200_000, 200_000), blocks=(True, False))
    yield _kind(vocabulary.Irreversible, lag=Span(-20, 20))
    yield _kind(vocabulary.Fork, start=Span(1, 60), transactions=(True, False))


def _fee_kinds() -> Iterator[Kind]:
    one_kind = tuple((number,) for number in EVERY_KIND)
    places = ((vocabulary.REQUIRED,), (vocabulary.SCHEDULE,), (vocabulary.REQUIRED, vocabulary.SCHEDULE))
    yield _kind(vocabulary.Fees, times=(0, 0.5, 2, 10, 1000), kinds=(*one_kind, EVERY_KIND), places=places)
    yield _kind(vocabulary.Fees, fixed=(0, 1, 10**6, 10**12), kinds=(*one_kind, EVERY_KIND), places=places)
    yield _kind(vocabulary.RegisteredAccounts, number=Span(0, 5000))
    yield _kind(vocabulary.Balance, times=(0, 0.001, 1000))
    yield _kind(vocabulary.Balance, fixed=(0, 10**6, 10**15))
    yield _kind(vocabulary.ChainParameter, name=("max_predicate_opcode",), value=(0,))
    yield _kind(vocabulary.ChainParameter, name=("maximum_transaction_size",), value=(0, 200, 10**6, 2**31))
    yield _kind(vocabulary.ChainParameter, name=("accounts_per_fee_scale",), value=(0, 1, 2**15))
    yield _kind(vocabulary.ChainParameter, name=("account_fee_scale_bitshifts",), value=(0, 4, 60))


def _broadcast_kinds() -> Iterator[Kind]:
    method = ("broadcast_transaction",)
    error = tuple(vocabulary.ERRORS)
    yield _kind(vocabulary.LostBroadcasts)
    yield _kind(vocabulary.DeniedBroadcasts, error=error)
    yield _kind(vocabulary.RefusedCalls, error=error, api=("network_broadcast",))
    yield _kind(vocabulary.RefusedCalls, error=("denied", "rate limit", "replaying"), api=("database",), method=METHODS)
    yield _kind(vocabulary.Unanswered, method=method, forwarded=(True, False))
    yield _kind(vocabulary.Dropped, method=method, forwarded=(True, False))
