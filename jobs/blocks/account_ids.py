"""Ids of accounts that a block registers without saying which: they are looked up by name.

Until the block is irreversible such an id is provisional: a name is looked up in the chain as it is at that moment,
and on another fork the account may have another id.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from chain.errors import BadReply
from chain.node import Block, BlockTransaction
from chain.packing import ACCOUNT_CREATE

#: Gives the account ids of those names that the chain has. Raises LinkError or Refused.
LookUp = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]


async def with_ids(blocks: Sequence[Block], look_up: LookUp) -> list[Block]:
    """`blocks` with results in all transactions, those that have none with what `look_up` finds.

    Raises BadReply where the node lacks an account that a block of its own registers, and what `look_up` raises.
    """
    names = names_without_ids([transaction for block in blocks for transaction in block.transactions])
    ids = await look_up(names) if names else {}
    return [
        replace(block, transactions=tuple(fill_in(transaction, ids) for transaction in block.transactions))
        for block in blocks
    ]


def names_without_ids(transactions: Sequence[BlockTransaction]) -> list[str]:
    """The names that `transactions` register without saying the accounts' ids."""
    return [
        body["name"]
        for transaction in transactions
        if transaction.results is None and ACCOUNT_CREATE in transaction.operations.numbers
        for number, body in transaction.operations
        if number == ACCOUNT_CREATE
    ]


def fill_in(transaction: BlockTransaction, ids: Mapping[str, str]) -> BlockTransaction:
    """`transaction` with results, its accounts' by name from `ids` where it has none. Raises BadReply."""
    if transaction.results is not None:
        return transaction
    if ACCOUNT_CREATE not in transaction.operations.numbers:
        return replace(transaction, results=(None,) * len(transaction.operations))
    results = tuple(
        _id_of(body["name"], ids) if number == ACCOUNT_CREATE else None for number, body in transaction.operations
    )
    return replace(transaction, results=results, are_looked_up=True)


def _id_of(name: str, ids: Mapping[str, str]) -> str:
    if name not in ids:
        raise BadReply(f"the node shows no account {name}, which a block of its own registers")
    return ids[name]
