"""The members that are read of a node's replies, with bounds: a node may send anything."""

from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw

from chain.errors import BadReply
from chain.transactions import parse_time

T = TypeVar("T")

Uint8 = Annotated[int, Meta(ge=0, le=2**8 - 1)]
Uint16 = Annotated[int, Meta(ge=0, le=2**16 - 1)]
Uint32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Satoshi = Annotated[int, Meta(ge=0, le=2**63 - 1)]  #: share_type, of which no amount is negative

#: Ids as hex digits, of chains and of blocks: signatures and references are made of their bytes.
ChainId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
BlockId = Annotated[str, Meta(pattern=r"^[0-9a-f]{40}\Z")]
Signature = Annotated[str, Meta(pattern=r"^[0-9a-f]{130}\Z")]

ObjectId = Annotated[str, Meta(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,15}\Z")]  #: an instance has 48 bits
AccountId = Annotated[str, Meta(pattern=r"^1\.2\.[0-9]{1,15}\Z")]
#: Any name that was ever registered; what may be registered now is chain/names.py's.
AccountName = Annotated[str, Meta(pattern=r"^[a-z0-9.-]{1,63}\Z")]
PublicKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,80}\Z")]
Prefix = Annotated[str, Meta(pattern=r"^[A-Z]{1,16}\Z")]
Symbol = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9.]{2,15}\Z")]  #: asset_object.cpp, is_valid_symbol
Time = Annotated[str, Meta(max_length=32)]
CoreAsset = Literal["1.3.0"]

MAX_AUTHS = 2_000  #: entries of an authority: the committee's account has one for each of its members, up to 1,001


class ChainProperties(msgspec.Struct):
    """The reply to get_chain_properties."""

    chain_id: ChainId


class Config(msgspec.Struct):
    """The reply to get_config."""

    prefix: Prefix = msgspec.field(name="GRAPHENE_ADDRESS_PREFIX")


class AssetObject(msgspec.Struct):
    """The core asset in a reply to get_objects."""

    id: CoreAsset
    symbol: Symbol
    precision: Annotated[int, Meta(ge=0, le=12)]


class DynamicProperties(msgspec.Struct):
    """The reply to get_dynamic_global_properties."""

    head_block_number: Uint32
    head_block_id: BlockId
    time: Time
    last_irreversible_block_num: Uint32
    accounts_registered_this_interval: Uint32 = 0


class FeeSchedule(msgspec.Struct):
    """The fees of all operations by their numbers, each in a form of its own."""

    parameters: Annotated[list[tuple[Uint16, Raw]], Meta(max_length=1_000)]
    scale: Uint32


class ChainParameters(msgspec.Struct):
    """What the committee sets."""

    current_fees: FeeSchedule
    block_interval: Uint8
    maximum_transaction_size: Uint32
    accounts_per_fee_scale: Uint16 = 0
    account_fee_scale_bitshifts: Uint8 = 0
    max_predicate_opcode: Uint16 | None = None


class GlobalProperties(msgspec.Struct):
    """The reply to get_global_properties."""

    parameters: ChainParameters


class AccountCreateFees(msgspec.Struct):
    """The entry of account_create in the schedule."""

    basic_fee: Satoshi
    premium_fee: Satoshi
    price_per_kbyte: Satoshi = 0


class TransferFees(msgspec.Struct):
    """The entry of transfer in the schedule."""

    fee: Satoshi
    price_per_kbyte: Satoshi = 0


class AssertFees(msgspec.Struct):
    """The entry of assert in the schedule."""

    fee: Satoshi


class AuthorityObject(msgspec.Struct):
    """An authority."""

    weight_threshold: Uint32
    account_auths: Annotated[list[tuple[AccountId, Uint16]], Meta(max_length=MAX_AUTHS)]
    key_auths: Annotated[list[tuple[PublicKey, Uint16]], Meta(max_length=MAX_AUTHS)]
    address_auths: Annotated[list[tuple[Raw, Uint16]], Meta(max_length=MAX_AUTHS)]


class Options(msgspec.Struct):
    """An account's options."""

    memo_key: PublicKey


class AccountObject(msgspec.Struct):
    """An account in a reply to lookup_account_names or get_objects."""

    id: AccountId
    name: AccountName
    owner: AuthorityObject
    active: AuthorityObject
    options: Options
    membership_expiration_date: Time


class NamedObject(msgspec.Struct):
    """The members of an account in a reply to get_objects that are read."""

    id: AccountId
    name: AccountName


class CoreAmount(msgspec.Struct):
    """An amount of the core asset: a balance or a fee."""

    amount: Satoshi
    asset_id: CoreAsset


def decode(raw: Raw | bytes, kind: type[T]) -> T:
    """The JSON `raw` as `kind`; its numbers may come as strings. Raises BadReply."""
    try:
        value: T = _decoder(kind).decode(raw)  # type: ignore[arg-type]  # a type is hashable, whatever T is
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(f"the node's reply has another form: {error}") from error
    return value


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=False)


def read_time(text: str) -> int:
    """Seconds since 1970 of a time in a reply. Raises BadReply."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadReply("the node's reply has a time in another form") from error
