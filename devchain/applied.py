"""What the dev chain has applied: transactions, pending or in blocks, and these."""

from dataclasses import dataclass
from typing import Any

from devchain.evaluate import Result
from devchain.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Applied:
    """An applied transaction with its results, pending or in a block."""

    transaction: Transaction
    results: list[Result]
    has_results: bool  #: whether the chain's blocks contain operation results

    @property
    def as_json(self) -> dict[str, Any]:
        """The transaction as a block shows it."""
        return {**self.transaction.as_json, "operation_results": self.results if self.has_results else []}


@dataclass(frozen=True, slots=True)
class Block:
    """A block."""

    number: int
    id: str
    previous: str
    time: int  #: seconds
    transactions: tuple[Applied, ...]
    first_operation: int  #: how many operations were in the blocks before it
    savepoint: int  #: the state's changes before it, to undo it
