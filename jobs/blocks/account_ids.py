"""Ids of accounts that a block registers without saying which: they are looked up by name.

Until the block is irreversible such an id is provisional: a name is looked up in the chain as it is at that moment,
and on another fork the account may have another id.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from chain.errors import BadReply
from chain.node import Block, BlockTransaction
from chain.packing import ACCOUNT_CREATE

#: Gives the account ids of those names that the chain has. Raises LinkError or Refused.
LookUp = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
#: Gives those of some signatures that transactions of the ledger have. Raises FaucetError.
Known = Callable[[Collection[str]], Awaitable[set[str]]]


async def with_ids(blocks: Sequence[Block], look_up: LookUp, *, ours: Known | None = None) -> list[Block]:
    """`blocks` with results in all transactions, those that have none with what `look_up` finds.

    Where `ours` tells which transactions are the ledger's, an account that the node lacks has no id in any other one.
    Raises BadReply where the node lacks an account that a block of its own registers, and what `look_up` raises.
    """
    if all(entry.results is not None for block in blocks for entry in block.transactions):
        return list(blocks)
    without = [entry for block in blocks for entry in block.transactions if names_without_ids([entry])]
    names = names_without_ids(without)
    ids = await look_up(names) if names else {}
    strict: set[str] | None = None
    if ours is not None and not ids.keys() >= set(names):
        strict = await ours({signature for entry in without for signature in entry.signatures})
    return [
        replace(block, transactions=tuple(_filled_in(entry, ids, strict) for entry in block.transactions))
        for block in blocks
    ]


def _filled_in(entry: BlockTransaction, ids: Mapping[str, str], strict: set[str] | None) -> BlockTransaction:
    return fill_in(entry, ids, strict=strict is None or not strict.isdisjoint(entry.signatures))


def names_without_ids(transactions: Sequence[BlockTransaction]) -> list[str]:
    """The names that `transactions` register without saying the accounts' ids."""
    return [
        body["name"]
        for transaction in transactions
        if transaction.results is None and ACCOUNT_CREATE in transaction.operations.numbers
        for number, body in transaction.operations
        if number == ACCOUNT_CREATE
    ]


def fill_in(transaction: BlockTransaction, ids: Mapping[str, str], *, strict: bool = True) -> BlockTransaction:
    """`transaction` with results, its accounts' by name from `ids` where it has none.

    Raises BadReply for an account without an id; if not `strict` that one has no result, and the transaction a problem.
    """
    if transaction.results is not None:
        return transaction
    if ACCOUNT_CREATE not in transaction.operations.numbers:
        return replace(transaction, results=(None,) * len(transaction.operations))
    results = tuple(
        ids.get(body["name"]) if number == ACCOUNT_CREATE else None for number, body in transaction.operations
    )
    missing = next((name for name in names_without_ids([transaction]) if name not in ids), None)
    problem = None if missing is None else f"the node shows no account {missing}, which a block of its own registers"
    if problem is not None and strict:
        raise BadReply(problem)
    return replace(transaction, results=results, are_looked_up=True, problem=transaction.problem or problem)
