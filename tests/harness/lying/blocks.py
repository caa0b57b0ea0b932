"""Lies about the contents of blocks."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from chain.packing import ACCOUNT_CREATE, Operation
from chain.transactions import RefBlock, account_create, transfer
from tests.harness.chain_totals import PAYERS
from tests.harness.lying.heads import shifted
from tests.harness.lying.lie import BROADCASTS, Ask, Lie, Request

OBJECT_ID = 1  #: the kind of operation_result that is the id of a new object
EXPIRES_AFTER = 30  #: seconds from a made-up transaction's block


class BlockLie(Lie):
    """Changes the transactions of the blocks that are read."""

    methods: ClassVar[frozenset[str]] = frozenset({"get_block"})

    def change(self, request: Request, result: Any, /) -> Any:
        if result is None:
            return None
        return {**result, "transactions": list(self.transactions(int(request.arguments[0]), result))}

    def transactions(self, number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        """The contents of block `number` instead."""
        raise NotImplementedError


@dataclass(frozen=True)
class ResultIds(BlockLie):
    """Registrations of these names made the account with this id."""

    names: str
    account_id: str

    def transactions(self, _number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        for transaction in block["transactions"]:
            pairs = zip(transaction["operations"], _results_of(transaction), strict=False)
            yield {**transaction, "operation_results": [self._result(*pair) for pair in pairs]}

    def _result(self, operation: Operation, result: list[Any]) -> list[Any]:
        kind, body = operation
        return (
            [OBJECT_ID, self.account_id] if kind == ACCOUNT_CREATE and fnmatchcase(body["name"], self.names) else result
        )


@dataclass(frozen=True)
class RotatedResults(BlockLie):
    """The registrations of a block made each other's accounts: each gets the id of the next, the last of the first."""

    def transactions(self, _number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        ids = [result[1] for result in _results(block) if result[0] == OBJECT_ID]
        following = iter(ids[1:] + ids[:1])
        for transaction in block["transactions"]:
            results = _results_of(transaction)
            rotated = [[OBJECT_ID, next(following)] if result[0] == OBJECT_ID else result for result in results]
            yield {**transaction, "operation_results": rotated}


@dataclass(frozen=True)
class ShiftedResults(BlockLie):
    """Every new account's id is higher by this much."""

    by: int = 1

    def transactions(self, _number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        for transaction in block["transactions"]:
            yield {
                **transaction,
                "operation_results": [self._result(*entry) for entry in _results_of(transaction)],
            }

    def _result(self, kind: int, value: Any) -> list[Any]:
        if kind != OBJECT_ID:
            return [kind, value]
        space, number = value.rsplit(".", 1)
        return [kind, f"{space}.{int(number) + self.by}"]


@dataclass(frozen=True)
class NoResults(BlockLie):
    """Blocks have no operation results: each is empty, or there are none at all."""

    kept: bool = True  #: whether there is a result that says nothing for each operation

    def transactions(self, _number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        for transaction in block["transactions"]:
            nothing = [[0, {}] for _ in transaction["operations"]] if self.kept else []
            yield {**transaction, "operation_results": nothing}


@dataclass(frozen=True)
class HiddenTransactions(BlockLie):
    """Blocks are shown without what this account pays for, or without this signature; without either, empty."""

    account: str | None = None  #: an id
    signature: str | None = None

    def transactions(self, _number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        return (transaction for transaction in block["transactions"] if not self._hides(transaction))

    def _hides(self, transaction: dict[str, Any]) -> bool:
        if self.account is None and self.signature is None:
            return True
        payers = {body.get(PAYERS.get(kind, "")) for kind, body in transaction["operations"]}
        return self.account in payers - {None} or self.signature in transaction["signatures"]


@dataclass(frozen=True)
class MadeUpTransfer(BlockLie):
    """An account, such as the registrar, paid another, once every `every` blocks."""

    receiver: str
    amount: int  #: satoshi
    sender: str = "1.2.7"
    fee: int = 2_000_000
    every: int = 1

    def transactions(self, number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        yield from block["transactions"]
        if number % self.every == 0:
            payment = transfer(sender=self.sender, receiver=self.receiver, amount=self.amount, fee=self.fee)
            yield _made_up(number, block, payment, [0, {}])


@dataclass(frozen=True)
class MadeUpRegistration(BlockLie):
    """An account, such as the registrar, registered another, once every `every` blocks."""

    name: str
    account_id: str
    key: str
    registrar: str = "1.2.7"
    fee: int = 514_941
    every: int = 1

    def transactions(self, number: int, block: dict[str, Any], /) -> Iterator[dict[str, Any]]:
        yield from block["transactions"]
        if number % self.every == 0:
            yield _made_up(number, block, self._registration(), [OBJECT_ID, self.account_id])

    def _registration(self) -> Operation:
        return account_create(
            registrar=self.registrar,
            referrer=self.registrar,
            referrer_percent=0,
            name=self.name,
            owner_key=self.key,
            active_key=self.key,
            memo_key=self.key,
            fee=self.fee,
        )


@dataclass(frozen=True, eq=False)
class FalseInclusion(Lie):
    """Broadcasts are dropped, and the next block read includes them, with made-up ids of new accounts."""

    first_id: int = 900_000  #: instance of the first account
    kept: list[dict[str, Any]] = field(default_factory=list, repr=False)
    included: dict[int, list[dict[str, Any]]] = field(default_factory=dict, repr=False)
    methods: ClassVar[frozenset[str]] = BROADCASTS | {"get_block"}

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        if request.method in BROADCASTS:
            self.kept.append(request.arguments[-1])
            return None
        block = await ask(request)
        return block and self._with_kept(int(request.arguments[0]), block)

    def _with_kept(self, number: int, block: dict[str, Any]) -> dict[str, Any]:
        for transaction in [entry for entry in self.kept if _may_follow(number, entry)]:
            self.kept.remove(transaction)
            self.included.setdefault(number, []).append(self._included(transaction))
        return {**block, "transactions": [*block["transactions"], *self.included.get(number, [])]}

    def _included(self, transaction: dict[str, Any]) -> dict[str, Any]:
        ids = sum(len(entry["operations"]) for entries in self.included.values() for entry in entries)
        results = [
            [OBJECT_ID, f"1.2.{self.first_id + ids + place}"] if operation[0] == ACCOUNT_CREATE else [0, {}]
            for place, operation in enumerate(transaction["operations"])
        ]
        return {**transaction, "operation_results": results}


def _may_follow(number: int, transaction: dict[str, Any]) -> bool:
    """Whether the block comes after the transaction's reference block, of whose number it has 16 bits."""
    distance: int = (number - transaction.get("ref_block_num", number)) % 2**16
    return 0 < distance < 2**15


def _made_up(number: int, block: dict[str, Any], operation: Operation, result: list[Any]) -> dict[str, Any]:
    """A transaction as if it had been signed just before the block."""
    reference = RefBlock(number - 1, block["previous"])
    digest = hashlib.sha512(repr((number, operation)).encode()).digest()
    return {
        "ref_block_num": reference.ref_block_num,
        "ref_block_prefix": reference.ref_block_prefix,
        "expiration": shifted(block["timestamp"], EXPIRES_AFTER),
        "operations": [operation],
        "extensions": [],
        "signatures": [(b"\x1f" + digest).hex()],  # of the right form: 65 bytes
        "operation_results": [result],
    }


def _results(block: dict[str, Any]) -> Iterator[list[Any]]:
    for transaction in block["transactions"]:
        yield from _results_of(transaction)


def _results_of(transaction: dict[str, Any]) -> list[list[Any]]:
    """Its results; none where the chain keeps none."""
    return transaction.get("operation_results") or []
