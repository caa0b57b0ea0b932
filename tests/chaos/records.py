"""What the ledger and the chain hold, read without any of the faucet's code."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

ACCOUNT_CREATE, TRANSFER, ASSERT = 5, 0, 36  #: numbers of the operations (operations.hpp)
PROXY_TO_SELF = "1.2.5"


@dataclass(frozen=True)
class Registration:
    """An account_create that the registrar paid for."""

    name: str
    account_id: str
    keys: dict[str, str]  #: as a signup has them
    others: frozenset[str]  #: ids of the accounts that it names beside the registrar
    fee: int  #: satoshi
    signature: str  #: of its transaction


@dataclass(frozen=True)
class Payment:
    """A transfer from the registrar."""

    account_id: str
    amount: int  #: satoshi
    fee: int
    signature: str


@dataclass
class ChainRecord:
    """The registrar's operations in the blocks, and its balance."""

    registrations: list[Registration] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    assertions: list[int] = field(default_factory=list)  #: fees, satoshi
    blocks: dict[str, int] = field(default_factory=dict)  #: number of the block, by signature of a transaction
    balance: int = 0  #: satoshi

    @property
    def spent(self) -> int:
        """Fees and payments together, satoshi."""
        registrations = sum(registration.fee for registration in self.registrations)
        payments = sum(payment.fee + payment.amount for payment in self.payments)
        return registrations + payments + sum(self.assertions)


@dataclass(frozen=True)
class LedgerRecord:
    """The ledger's rows."""

    jobs: list[dict[str, Any]]
    transactions: list[dict[str, Any]]


def read_ledger(path: Path) -> LedgerRecord:
    """The rows in the SQLite file `path`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return LedgerRecord(
            [dict(row) for row in connection.execute("SELECT * FROM jobs")],
            [dict(row) for row in connection.execute("SELECT * FROM transactions")],
        )


async def read_chain(url: str, registrar_id: str) -> ChainRecord:
    """What the blocks of the node at `url` hold of the registrar."""
    async with connect(url, max_size=None, compression=None, proxy=None) as socket:
        node = _Node(socket)
        record = ChainRecord(balance=await node.balance(registrar_id))
        for number in count(1):
            block = await node.ask("get_block", number)
            if block is None:
                return record
            for transaction in block["transactions"]:
                _add(record, transaction, await node.ids_in(transaction), number, registrar_id)
    raise AssertionError("a chain has an end")


async def read_balance(url: str, account_id: str) -> int:
    """What the account has now, satoshi."""
    async with connect(url, proxy=None) as socket:
        return await _Node(socket).balance(account_id)


class _Node:
    """A minimal client: one call at a time."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def ask(self, method: str, *arguments: Any) -> Any:
        await self._socket.send(json.dumps({"id": 1, "method": "call", "params": [0, method, arguments]}))
        return json.loads(await self._socket.recv())["result"]

    async def balance(self, account_id: str) -> int:
        (core,) = await self.ask("get_account_balances", account_id, ["1.3.0"])
        return int(core["amount"])

    async def ids_in(self, transaction: dict[str, Any]) -> list[Any]:
        """The object id that each operation made; where the block has no results, looked up by account name."""
        if transaction["operation_results"]:
            return [result for _, result in transaction["operation_results"]]
        operations = transaction["operations"]
        names = [body["name"] if kind == ACCOUNT_CREATE else "" for kind, body in operations]
        found = await self.ask("lookup_account_names", names)
        return [account and account["id"] for account in found]


def _add(record: ChainRecord, transaction: dict[str, Any], ids: list[Any], block: int, registrar_id: str) -> None:
    (signature,) = transaction["signatures"]
    for (kind, body), result in zip(transaction["operations"], ids, strict=True):
        fee = int(body["fee"]["amount"])
        if kind == ACCOUNT_CREATE and body["registrar"] == registrar_id:
            others = _others(body) - {registrar_id}
            record.registrations.append(Registration(body["name"], result, _keys(body), others, fee, signature))
        elif kind == TRANSFER and body["from"] == registrar_id:
            record.payments.append(Payment(body["to"], int(body["amount"]["amount"]), fee, signature))
        elif kind == ASSERT and body["fee_paying_account"] == registrar_id:
            record.assertions.append(fee)
        else:
            continue
        record.blocks[signature] = block


def _keys(body: dict[str, Any]) -> dict[str, str]:
    return {
        "owner_key": _single([key for key, _ in body["owner"]["key_auths"]]),
        "active_key": _single([key for key, _ in body["active"]["key_auths"]]),
        "memo_key": body["options"]["memo_key"],
    }


def _others(body: dict[str, Any]) -> frozenset[str]:
    """Referrer, proxy and the accounts in the authorities. PROXY_TO_SELF means no proxy."""
    members = [account for role in ("owner", "active") for account, _ in body[role]["account_auths"]]
    return frozenset({body["referrer"], body["options"]["voting_account"], *members} - {PROXY_TO_SELF})


def _single(keys: Sequence[str]) -> str:
    (key,) = keys
    return key
