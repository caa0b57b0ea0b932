"""A minimal model of a chain: which transactions a block may include, and which ids their accounts get."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from jobs.model.transaction import BlockEffects, Kind, SignedTransaction

GENESIS = (0, "genesis")
Keys = tuple[str, str, str]
STRANGERS_KEYS: Keys = ("stranger", "stranger", "stranger")


@dataclass(frozen=True)
class JobOperation:
    """A transaction's operation for one job."""

    job: int  #: its number
    name: str  #: of its account
    keys: Keys  #: of the new account
    account_id: str | None  #: that is paid; None registers the account


@dataclass(frozen=True)
class Sendable:
    """A signed transaction."""

    kind: Kind
    operations: tuple[JobOperation, ...]
    reference: tuple[int, str]  #: number and id of the block that it refers to
    expiration: int  #: a time, which here is the number of a block

    @property
    def signature(self) -> str:
        """Determined by the content, as on a chain."""
        parts = (f"{operation.job}>{operation.account_id}" for operation in self.operations)
        return f"{self.kind} {' '.join(parts)} ref {self.reference} until {self.expiration}"

    @property
    def signed_transaction(self) -> SignedTransaction:
        """The transaction that the ledger writes ahead."""
        return SignedTransaction(
            kind=self.kind,
            id=f"id of {self.signature}",
            signature=self.signature,
            body=f'"{self.signature}"',
            reference=self.reference[0],
            expiration=self.expiration,
            jobs=tuple(operation.job for operation in self.operations),
            fees=(1,) * len(self.operations),
        )


@dataclass
class Block:
    """A block's contents."""

    number: int
    id: str
    results: dict[str, tuple[str | None, ...]] = field(default_factory=dict)  #: by signature
    accounts: dict[str, tuple[str, Keys]] = field(default_factory=dict)  #: id and keys by name
    paid: list[JobOperation] = field(default_factory=list)
    has_results: bool = True  #: else ids are looked up, and wrong until the block is irreversible

    @property
    def effects(self) -> BlockEffects:
        """The block's effects, as the tracker records them in the ledger."""
        accounts = tuple((name, self.seen(account_id)) for name, (account_id, _) in self.accounts.items())
        provisional = frozenset() if self.has_results else frozenset(self.results)
        return BlockEffects(self.number, self.id, self.seen_results, accounts, provisional=provisional)

    @property
    def seen_results(self) -> dict[str, tuple[str | None, ...]]:
        """Results by signature, as they are known before it is irreversible."""
        return {signature: tuple(map(self.seen, results)) for signature, results in self.results.items()}

    def seen(self, account_id: str | None) -> Any:
        """The id of a new account, as it is known before the block is irreversible."""
        return account_id if self.has_results or account_id is None else f"{account_id}000"


class ModelChain:
    """Blocks, a second apart; whatever was once sent may come into any of them where it is valid."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.irreversible = 0
        self.sent: dict[str, Sendable] = {}  #: by signature; nodes never forget them here
        self._made = count(1)

    @property
    def head(self) -> int:
        """Number of the newest block."""
        return len(self.blocks)

    @property
    def accounts(self) -> dict[str, tuple[str, Keys]]:
        """Id and keys by name."""
        return {name: account for block in self.blocks for name, account in block.accounts.items()}

    @property
    def payments(self) -> Iterator[JobOperation]:
        """All payments in all blocks."""
        return (operation for block in self.blocks for operation in block.paid)

    def block(self, number: int) -> Block:
        """The block `number`, from 1."""
        return self.blocks[number - 1]

    def including_blocks(self, last: int) -> dict[str, Block]:
        """The blocks up to `last`, by the signatures that they hold."""
        return {signature: block for block in self.blocks[:last] for signature in block.results}

    def produce(
        self, wanted: Iterable[Sendable] = (), stranger: str | None = None, *, has_results: bool = True
    ) -> None:
        """Make a block of those `wanted` that are valid; `stranger` is a name that a third party registers first."""
        block = Block(self.head + 1, f"block {next(self._made)}", has_results=has_results)
        self.blocks.append(block)
        if stranger is not None and stranger not in self.accounts:
            block.accounts[stranger] = (self._next_id(), STRANGERS_KEYS)
        for transaction in wanted:
            if self._is_valid(transaction):
                block.results[transaction.signature] = tuple(
                    self._apply(block, each) for each in transaction.operations
                )

    def fork(self, blocks: int) -> None:
        """Drop the newest blocks, but none that is irreversible."""
        del self.blocks[max(self.irreversible, self.head - blocks) :]

    def finalise(self, blocks: int) -> None:
        """Let so many more blocks be irreversible, as far as there are."""
        self.irreversible = min(self.head, self.irreversible + blocks)

    def _is_valid(self, transaction: Sendable) -> bool:
        # The newest block is the one in the making: what counts is the time of its predecessor.
        if transaction.expiration < self.head - 1 or transaction.signature in self.including_blocks(self.head):
            return False
        number, block_id = transaction.reference
        if transaction.reference != GENESIS and (number >= self.head or self.block(number).id != block_id):
            return False
        names = Counter(operation.name for operation in transaction.operations)
        known = self.accounts
        if transaction.kind is Kind.REGISTRATION:
            return max(names.values()) == 1 and not names.keys() & known.keys()
        ids = {account_id for account_id, _ in known.values()}
        return all(operation.account_id in ids for operation in transaction.operations)

    def _apply(self, block: Block, operation: JobOperation) -> str | None:
        if operation.account_id is not None:
            block.paid.append(operation)
            return None
        new_id = self._next_id()
        block.accounts[operation.name] = (new_id, operation.keys)
        return new_id

    def _next_id(self) -> str:
        """Ids are given in the order of creation: after a fork another account may get one of them."""
        return f"1.2.{100 + len(self.accounts)}"
