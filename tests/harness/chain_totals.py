"""Totals of all blocks, independent of the faucet's own bookkeeping: registrations, payments, cost."""

from collections import Counter
from dataclasses import dataclass, field

from chain.node import Node
from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER
from jobs.blocks.account_ids import with_ids

#: Who pays for an operation, by its number.
PAYERS = {TRANSFER: "from", ACCOUNT_CREATE: "registrar", ASSERT: "fee_paying_account"}


@dataclass
class ChainTotals:
    """Registrations and payments by account, and what they cost."""

    registered: Counter[str] = field(default_factory=Counter)  #: by name
    ids: dict[str, str] = field(default_factory=dict)  #: account id by name
    paid: Counter[str] = field(default_factory=Counter)  #: transfers by receiving account id
    amounts: Counter[str] = field(default_factory=Counter)  #: satoshi by receiving account id
    spent: int = 0  #: fees and transfers together, satoshi
    transactions: int = 0


async def read_totals(node: Node, *, payer: str | None = None) -> ChainTotals:
    """The totals of all blocks so far; with `payer`, an account id, of its operations only."""
    totals = ChainTotals()
    head = await node.head()
    for number in range(1, head.number + 1):
        block = await node.block(number)
        if block is None:
            raise AssertionError(f"block {number} is missing below the head {head.number}")
        (block,) = await with_ids([block], node.account_ids)
        for transaction in block.transactions:
            totals.transactions += 1
            for (kind, body), result in zip(transaction.operations, transaction.made, strict=True):
                if payer not in (None, body.get(PAYERS[kind])):
                    continue
                totals.spent += int(body["fee"]["amount"])
                if kind == ACCOUNT_CREATE:
                    totals.registered[body["name"]] += 1
                    totals.ids[body["name"]] = str(result)
                elif kind == TRANSFER:
                    totals.paid[body["to"]] += 1
                    totals.amounts[body["to"]] += int(body["amount"]["amount"])
                    totals.spent += int(body["amount"]["amount"])
    return totals
