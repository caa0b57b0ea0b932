"""Reads the registrar's own transactions out of blocks, for a ledger that has no record of them."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from chain.node import Block, BlockTransaction, Node
from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER, Operation
from chain.transactions import CORE_ASSET, Signed, signed_before
from jobs.blocks.account_ids import fill_in
from jobs.model.transaction import Kind, OnChainOperation, OnChainTransaction
from jobs.settings import Settings

log = logging.getLogger("faucet.tracker")

#: What transactions of the registrar that serve jobs are made of.
SERVING = frozenset({ACCOUNT_CREATE, ASSERT, TRANSFER})
#: … of those that pay initial balances.
PAYING = frozenset({ASSERT, TRANSFER})


@dataclass(frozen=True, slots=True)
class RegistrarTransaction:
    """A transaction of the registrar, and the block that holds it."""

    kind: Kind
    block: Block
    transaction: BlockTransaction

    @property
    def signature(self) -> str:
        """The first signature, which identifies it."""
        return self.transaction.signatures[0]

    @property
    def receivers(self) -> list[str]:
        """The account ids that it pays."""
        return [body["to"] for number, body in self.transaction.operations if number == TRANSFER]

    @property
    def operations(self) -> list[tuple[Operation, str | None]]:
        """Those that serve an account, each with the id that it made: assertions serve none."""
        operations = zip(self.transaction.operations, self.transaction.made, strict=True)
        return [(operation, result) for operation, result in operations if operation[0] != ASSERT]

    @property
    def accounts(self) -> dict[str, str | None]:
        """The account ids that it registered, by name."""
        return {body["name"]: result for (number, body), result in self.operations if number == ACCOUNT_CREATE}

    def with_ids(self, ids: Mapping[str, str], *, strict: bool = True) -> "RegistrarTransaction":
        """The same, with the ids of its accounts by name where its block does not say them.

        Raises BadReply for an account without an id, if it is `strict`.
        """
        return replace(self, transaction=fill_in(self.transaction, ids, strict=strict))


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What reading a transaction needs beside its block."""

    names: Mapping[str, str]  #: of the accounts that are paid, by their ids
    prefix: str  #: of public keys
    precision: int  #: decimals of the core asset
    settings: Settings


def registrar_transactions(
    blocks: Sequence[Block], registrar_id: str | None, numbers: frozenset[int] = SERVING
) -> Iterator[RegistrarTransaction]:
    """The transactions that hold nothing but registrations, or nothing but payments, by the registrar.

    Only those made of operations with these `numbers`: others are not decoded.
    """
    for block in blocks:
        for transaction in block.transactions:
            if not transaction.signatures or not numbers.issuperset(transaction.operations.numbers):
                continue
            kinds = {_kind(operation, registrar_id) for operation in transaction.operations if operation[0] != ASSERT}
            if len(kinds) == 1 and (kind := kinds.pop()) is not None:
                yield RegistrarTransaction(kind, block, transaction)


async def read_transactions(
    entries: Sequence[RegistrarTransaction], node: Node, settings: Settings
) -> list[OnChainTransaction]:
    """`entries` as they were sent, without those that can't be read: the faucet sends none that it can't read.

    Raises LinkError or Refused if the node does not give what is missing.
    """
    prefix, asset = await node.prefix(), await node.core_asset()
    names = await node.names(sorted({receiver for entry in entries for receiver in entry.receivers}))
    context = ReadContext(names, prefix, asset.precision, settings)
    found = [read_transaction(entry, context) for entry in entries]
    return [each for each in found if each is not None]


def read_transaction(entry: RegistrarTransaction, context: ReadContext) -> OnChainTransaction | None:
    """`entry` as it was sent; None where that can't be read."""
    try:
        return _read_transaction(entry, context)
    except Exception as error:  # noqa: BLE001  # packing what a node made up may fail in any way
        fields = {"block": entry.block.number, "reason": f"{type(error).__name__}: {error}"}
        log.debug("transaction of the registrar not read", extra={"fields": fields})
        return None


def _read_transaction(entry: RegistrarTransaction, context: ReadContext) -> OnChainTransaction:
    transaction, number = entry.transaction, entry.block.number
    signed = _signed(entry, context.prefix)
    return OnChainTransaction(
        kind=entry.kind,
        id=signed.id,
        signature=signed.signature,
        body=signed.body,
        # The last block before that ends with the 16 bits that the transaction has of its number.
        reference=number - ((number - transaction.ref_block_num) & 0xFFFF),
        expiration=transaction.expiration,
        block_num=number,
        time=entry.block.time,
        operations=tuple(_operation(operation, result, context) for operation, result in entry.operations),
    )


def _signed(entry: RegistrarTransaction, prefix: str) -> Signed:
    transaction = entry.transaction
    return signed_before(
        transaction.operations,
        ref_block_num=transaction.ref_block_num,
        ref_block_prefix=transaction.ref_block_prefix,
        expiration=transaction.expiration,
        prefix=prefix,
        signature=entry.signature,
    )


def _kind(operation: Operation, registrar_id: str | None) -> Kind | None:
    number, body = operation
    if number == ACCOUNT_CREATE and body["registrar"] == registrar_id:
        return Kind.REGISTRATION
    if number == TRANSFER and body["from"] == registrar_id and body["amount"]["asset_id"] == CORE_ASSET:
        return Kind.FUNDING
    return None


def _operation(operation: Operation, result: str | None, context: ReadContext) -> OnChainOperation:
    number, body = operation
    fee = int(body["fee"]["amount"])
    if number == TRANSFER:
        amount = Decimal(body["amount"]["amount"]).scaleb(-context.precision)
        return OnChainOperation(context.names[body["to"]], body["to"], None, amount, fee)
    if result is None:
        raise LookupError(f"the node shows no account {body['name']}")
    return OnChainOperation(body["name"], result, _keys(body, context.settings), Decimal(0), fee)


def _keys(body: Mapping[str, Any], settings: Settings) -> tuple[str, str, str] | None:
    """The keys that the wallet sent: those that the faucet does not give to every account. None without any."""
    owner = _own_key(body["owner"], settings.additional_owner_keys)
    active = _own_key(body["active"], settings.additional_active_keys)
    return None if owner is None or active is None else (owner, active, body["options"]["memo_key"])


def _own_key(authority: Mapping[str, Any], additional: Collection[str]) -> str | None:
    keys: list[str] = [key for key, _ in authority["key_auths"]]
    return next((key for key in keys if key not in additional), keys[0] if keys else None)
