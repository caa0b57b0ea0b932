"""An independent look at the chain, block by block: who was registered, who was paid, what it cost."""

from collections import Counter
from dataclasses import dataclass, field

from chain.node import Node
from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER
from jobs.blocks.account_ids import with_ids

#: Who pays for an operation, by its number.
PAYERS = {TRANSFER: "from", ACCOUNT_CREATE: "registrar", ASSERT: "fee_paying_account"}


@dataclass
class Books:
    """What the chain's blocks hold."""

    registered: Counter[str] = field(default_factory=Counter)  #: by name
    ids: dict[str, str] = field(default_factory=dict)  #: account id by name
    paid: Counter[str] = field(default_factory=Counter)  #: transfers by receiving account id
    amounts: Counter[str] = field(default_factory=Counter)  #: satoshi by receiving account id
    spent: int = 0  #: fees and transfers together, satoshi
    transactions: int = 0


async def read_books(node: Node, *, payer: str | None = None) -> Books:
    """The books of all blocks so far; with `payer`, an account id, of what that account did."""
    books = Books()
    head = await node.head()
    for number in range(1, head.number + 1):
        block = await node.block(number)
        if block is None:
            raise AssertionError(f"block {number} is missing below the head {head.number}")
        (block,) = await with_ids([block], node.account_ids)
        for transaction in block.transactions:
            books.transactions += 1
            for (kind, body), result in zip(transaction.operations, transaction.made, strict=True):
                if payer not in (None, body.get(PAYERS[kind])):
                    continue
                books.spent += int(body["fee"]["amount"])
                if kind == ACCOUNT_CREATE:
                    books.registered[body["name"]] += 1
                    books.ids[body["name"]] = str(result)
                elif kind == TRANSFER:
                    books.paid[body["to"]] += 1
                    books.amounts[body["to"]] += int(body["amount"]["amount"])
                    books.spent += int(body["amount"]["amount"])
    return books
