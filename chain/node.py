"""The few calls that the faucet makes, with typed answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from chain.errors import BadReply
from chain.fees import AccountCreateFee, AssertFee, TransferFee
from chain.link import Call
from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER, Operation
from chain.transactions import CORE_ASSET, parse_time

LIFETIME = 2**32 - 1  #: when a membership for life ends: the last second that the chain counts (account_object.hpp)
OBJECT_ID = 1  #: the number of this kind of operation_result; the others are nothing and an amount (base.hpp)

#: Ids as hex digits, of chains and of blocks: signatures and references are made of their bytes.
_ChainId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_BlockId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset of the chain."""

    symbol: str
    precision: int  #: decimals


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block, and what it counts."""

    number: int
    id: str
    time: int  #: seconds, chain time
    irreversible: int  #: number of the last block that stays
    accounts_registered: int  #: in this maintenance interval, by anyone


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the chain's committee has set."""

    block_interval: int  #: seconds
    maximum_transaction_size: int  #: bytes
    accounts_per_fee_scale: int
    account_fee_scale_bitshifts: int
    account_create: AccountCreateFee
    transfer: TransferFee
    assertion: AssertFee | None  #: None where the chain has no such operation
    max_predicate_opcode: int | None  #: only predicates below it are allowed; None where the chain does not say


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may act for an account: weights that reach the threshold together."""

    threshold: int
    keys: tuple[tuple[str, int], ...]  #: public keys and their weights
    accounts: tuple[tuple[str, int], ...]  #: account ids and their weights
    addresses: int  #: how many addresses have a weight too; the faucet gives none


@dataclass(frozen=True, slots=True)
class Account:
    """An account, as far as the faucet looks at it."""

    id: str
    name: str
    owner: Authority
    active: Authority
    memo_key: str
    signing_keys: frozenset[str]  #: each of which alone satisfies the active authority
    member_until: int  #: seconds, chain time

    @property
    def lifetime_member(self) -> bool:
        """Whether the membership never ends."""
        return self.member_until == LIFETIME


@dataclass(frozen=True, slots=True)
class BlockTransaction:
    """A transaction in a block, which does not hold its id."""

    ref_block_num: int  #: the low 16 bits of the block's number that it refers to
    ref_block_prefix: int
    expiration: int  #: seconds, chain time
    signatures: tuple[str, ...]
    operations: tuple[Operation, ...]
    results: tuple[str | None, ...]  #: the object id that each operation made, None where it made none


@dataclass(frozen=True, slots=True)
class Block:
    """A block; its own id is what its successor calls the previous one."""

    number: int
    previous: str
    time: int
    transactions: tuple[BlockTransaction, ...]


# What is read of each reply; the chain sends more.


class _ChainProperties(msgspec.Struct):
    chain_id: _ChainId


class _Config(msgspec.Struct):
    prefix: str = msgspec.field(name="GRAPHENE_ADDRESS_PREFIX")


class _Dynamic(msgspec.Struct):
    head_block_number: int
    head_block_id: _BlockId
    time: str
    last_irreversible_block_num: int
    accounts_registered_this_interval: int


class _FeeSchedule(msgspec.Struct):
    parameters: list[tuple[int, dict[str, Any]]]
    scale: int


class _ChainParameters(msgspec.Struct):
    current_fees: _FeeSchedule
    block_interval: int
    maximum_transaction_size: int
    accounts_per_fee_scale: int
    account_fee_scale_bitshifts: int
    max_predicate_opcode: int | None = None


class _Global(msgspec.Struct):
    parameters: _ChainParameters


class _Authority(msgspec.Struct):
    weight_threshold: int
    account_auths: list[tuple[str, int]]
    key_auths: list[tuple[str, int]]
    address_auths: list[tuple[str, int]]


class _Options(msgspec.Struct):
    memo_key: str


class _Account(msgspec.Struct):
    id: str
    name: str
    owner: _Authority
    active: _Authority
    options: _Options
    membership_expiration_date: str


class _Named(msgspec.Struct):
    name: str


class _Amount(msgspec.Struct):
    amount: int


class _Transaction(msgspec.Struct):
    ref_block_num: int
    ref_block_prefix: int
    expiration: str
    signatures: list[str]
    operations: list[tuple[int, dict[str, Any]]]
    operation_results: list[tuple[int, Any]]


class _Block(msgspec.Struct):
    previous: _BlockId
    timestamp: str
    transactions: list[_Transaction]


class Node:
    """Typed calls over a link. Each raises LinkError where no answer comes, Refused where it is an error."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def chain_id(self) -> str:
        """The chain's id, 64 hex digits."""
        return _convert(await self._call("database", "get_chain_properties", []), _ChainProperties).chain_id

    async def prefix(self) -> str:
        """What public keys begin with on this chain."""
        return _convert(await self._call("database", "get_config", []), _Config).prefix

    async def core_asset(self) -> Asset:
        """The asset that fees are paid in."""
        return _convert(await self._call("database", "get_objects", [[CORE_ASSET]]), tuple[Asset])[0]

    async def head(self) -> Head:
        """The chain's head now."""
        dynamic = await self._call("database", "get_dynamic_global_properties", [])
        found = _convert(dynamic, _Dynamic)
        return Head(
            number=found.head_block_number,
            id=found.head_block_id,
            time=_time(found.time),
            irreversible=found.last_irreversible_block_num,
            accounts_registered=found.accounts_registered_this_interval,
        )

    async def parameters(self) -> Parameters:
        """The chain's parameters now; the fees change when the fee scale steps up."""
        found = _convert(await self._call("database", "get_global_properties", []), _Global).parameters
        fees = dict(found.current_fees.parameters)
        scale = {"scale": found.current_fees.scale}
        return Parameters(
            block_interval=found.block_interval,
            maximum_transaction_size=found.maximum_transaction_size,
            accounts_per_fee_scale=found.accounts_per_fee_scale,
            account_fee_scale_bitshifts=found.account_fee_scale_bitshifts,
            account_create=_convert({**fees.get(ACCOUNT_CREATE, {}), **scale}, AccountCreateFee),
            transfer=_convert({**fees.get(TRANSFER, {}), **scale}, TransferFee),
            assertion=_convert({**fees[ASSERT], **scale}, AssertFee) if ASSERT in fees else None,
            max_predicate_opcode=found.max_predicate_opcode,
        )

    async def accounts(self, names: Sequence[str]) -> list[Account | None]:
        """The accounts of `names`, pending ones included; None for each that the chain does not have."""
        found = await self._call("database", "lookup_account_names", [list(names)])
        accounts = _convert(found, list[_Account | None])
        if len(accounts) != len(names):
            raise BadReply("the node looked up another number of names")
        return [None if account is None else _account(account) for account in accounts]

    async def names(self, account_ids: Sequence[str]) -> list[str]:
        """The names of the accounts `account_ids`."""
        found = await self._call("database", "get_objects", [list(account_ids)])
        return [entry.name for entry in _convert(found, list[_Named])]

    async def names_page(self, after: str, limit: int) -> list[tuple[str, str]]:
        """(name, account id) of up to `limit` accounts in the order of names, from `after` on."""
        return _convert(await self._call("database", "lookup_accounts", [after, limit]), list[tuple[str, str]])

    async def balance(self, account_id: str) -> int:
        """What the account has of the core asset, satoshi, pending transactions included."""
        found = await self._call("database", "get_account_balances", [account_id, [CORE_ASSET]])
        return sum(entry.amount for entry in _convert(found, list[_Amount]))

    async def required_fees(self, operations: Sequence[Operation]) -> list[int]:
        """Satoshi that each of `operations` costs as the next one; none of the fee steps between them."""
        found = await self._call("database", "get_required_fees", [list(operations), CORE_ASSET])
        fees = [entry.amount for entry in _convert(found, list[_Amount])]
        if len(fees) != len(operations):
            raise BadReply("the node gave another number of fees")
        return fees

    async def broadcast(self, body: str) -> None:
        """Send a signed transaction, the JSON text `body`; returns when the node has taken it."""
        raw = msgspec.Raw(body.encode())
        await self._call("network_broadcast", "broadcast_transaction", [raw])

    async def block(self, number: int) -> Block | None:
        """The block `number`, None beyond the head."""
        reply = await self._call("database", "get_block", [number])
        if reply is None:
            return None
        found = _convert(reply, _Block)
        transactions = tuple(_transaction(transaction) for transaction in found.transactions)
        return Block(number, found.previous, _time(found.timestamp), transactions)


def _convert(value: Any, kind: type[T]) -> T:
    """`value` as `kind`; numbers may come as strings. Raises BadReply."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadReply(f"the node's reply has another form: {error}") from error


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadReply("the node's reply has a time in another form") from error


def _account(found: _Account) -> Account:
    return Account(
        id=found.id,
        name=found.name,
        owner=_authority(found.owner),
        active=_authority(found.active),
        memo_key=found.options.memo_key,
        signing_keys=frozenset(
            key for key, weight in found.active.key_auths if weight >= found.active.weight_threshold
        ),
        member_until=_time(found.membership_expiration_date),
    )


def _authority(found: _Authority) -> Authority:
    return Authority(
        threshold=found.weight_threshold,
        keys=tuple(found.key_auths),
        accounts=tuple(found.account_auths),
        addresses=len(found.address_auths),
    )


def _transaction(found: _Transaction) -> BlockTransaction:
    if len(found.operation_results) != len(found.operations):
        raise BadReply("the node's block has another number of results than of operations")
    return BlockTransaction(
        ref_block_num=found.ref_block_num,
        ref_block_prefix=found.ref_block_prefix,
        expiration=_time(found.expiration),
        signatures=tuple(found.signatures),
        operations=tuple(list(operation) for operation in found.operations),
        results=tuple(_convert(value, str) if kind == OBJECT_ID else None for kind, value in found.operation_results),
    )
