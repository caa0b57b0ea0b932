"""Transactions: signed by the faucet, found in a block, and what a block does to the ledger."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum


class Kind(StrEnum):
    """What a transaction carries."""

    REGISTRATION = "registration"
    FUNDING = "funding"


class Fate(StrEnum):
    """What is known of a signed transaction."""

    LIVE = "live"  #: may be on its way, pending, or still to be sent
    INCLUDED = "included"  #: in a block that may yet be orphaned
    IRREVERSIBLE = "irreversible"  #: in a block that stays
    REFUSED = "refused"  #: the only node it was ever sent to refused it
    EXPIRED = "expired"  #: can never be in a block any more


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A signed transaction about to be written ahead, with the jobs that its operations serve, in order."""

    kind: Kind
    id: str
    signature: str  #: hex; how the transaction is found again in a block
    body: str  #: JSON, byte for byte what is sent
    reference: int  #: number of the block that it refers to
    expiration: int  #: seconds since 1970, chain time
    jobs: tuple[int, ...]
    fees: tuple[int, ...]  #: satoshi of the core asset, one an operation
    cost: int = 0  #: satoshi that leave the registrar with it: all fees and payments; 0: it counts against no budget
    referrers: tuple[str, ...] = ()  #: names, one a job, of registrations that were signed here


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction in the ledger."""

    number: int
    kind: Kind
    id: str
    signature: str
    reference: int  #: number of the block that it refers to
    expiration: int
    fate: Fate
    block_num: int | None
    jobs: tuple[int, ...]
    held: str | None  #: why it is not given up though it has expired, for people


@dataclass(frozen=True, slots=True)
class WholeTransaction(Transaction):
    """The same with its body, which is large."""

    body: str  #: JSON, byte for byte what is sent


@dataclass(frozen=True, slots=True)
class OnChainOperation:
    """What the registrar did to an account: it registered or paid it."""

    name: str
    account_id: str
    keys: tuple[str, str, str] | None  #: owner, active and memo key of a registration
    amount: Decimal  #: of a payment, core asset with all its decimals
    fee: int  #: satoshi


@dataclass(frozen=True, slots=True)
class OnChainTransaction:
    """A transaction of the registrar in a block, as it was sent."""

    kind: Kind
    id: str
    signature: str
    body: str  #: JSON
    reference: int  #: number of the block that it refers to
    expiration: int  #: seconds, chain time
    block_num: int
    time: int  #: of the block, seconds, chain time
    operations: tuple[OnChainOperation, ...]


@dataclass(frozen=True, slots=True)
class BlockEffects:
    """What one block, or a part of it, means to the ledger."""

    number: int
    id: str
    #: signature → the ids its operations created or touched, None where an operation has none
    results: dict[str, tuple[str | None, ...]]
    accounts: tuple[tuple[str, str], ...]  #: (name, account id) registered in it, by anyone
    #: payments by the registrar that the ledger has no record of: it was restored from a backup
    payments: tuple[OnChainTransaction, ...] = ()
    provisional: frozenset[str] = frozenset()  #: signatures of those whose ids were looked up by name
    seen_by: str | None = None  #: the stranger that showed it, by URL; None of an own node
    keys: tuple[tuple[str, str, str], ...] = ()  #: see jobs.blocks.keys.keys_shown
    changed: tuple[tuple[str, str | None], ...] = ()  #: see jobs.blocks.keys.keys_changed
    is_whole: bool = True  #: nothing of the block comes after it: the block counts as followed


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of one operation of a transaction."""

    signature: str  #: of the transaction
    transaction_id: str
    fate: Fate
    name: str  #: of the job's account
    account_id: str | None  #: of the job's account
    in_force: bool  #: the job counts this transaction as its own


def is_due(balance: Decimal, amount: Decimal) -> bool:
    """Whether `amount` is what the chain makes of `balance`: what the asset can't express is cut off."""
    return amount == balance.quantize(amount, ROUND_DOWN)
