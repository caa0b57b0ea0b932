"""Reduces a block to its effects on the ledger."""

from collections.abc import Iterator

from chain.node import Block, BlockTransaction
from chain.packing import ASSERT
from jobs.model.transaction import BlockEffects


def effects_of(block: Block, block_id: str) -> BlockEffects:
    """What `block`, whose id is `block_id`, means to the ledger."""
    return BlockEffects(
        number=block.number,
        id=block_id,
        results=results_of(block),
        accounts=tuple(account for transaction in block.transactions for account in accounts_of(transaction)),
        provisional=frozenset(
            signature
            for transaction in block.transactions
            if transaction.are_looked_up
            for signature in transaction.signatures
        ),
    )


def results_of(block: Block) -> dict[str, tuple[str | None, ...]]:
    """The ids that the operations of each transaction made, by its signatures."""
    return {
        signature: results
        for transaction in block.transactions
        for results in [_results(transaction)]
        for signature in transaction.signatures
    }


def _results(transaction: BlockTransaction) -> tuple[str | None, ...]:
    """The ids that the operations which serve a job made: assertions come before them, and serve none."""
    pairs = zip(transaction.operations.numbers, transaction.made, strict=True)
    return tuple(result for number, result in pairs if number != ASSERT)


def accounts_of(transaction: BlockTransaction) -> Iterator[tuple[str, str]]:
    """(name, account id) of the accounts that `transaction` registers."""
    made = transaction.made
    for position, name in transaction.operations.registered_names():
        if (account_id := made[position]) is not None:
            yield name, account_id
