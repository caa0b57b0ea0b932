"""Decodes and checks operations as a node does, and writes them back in the chain's canonical form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct
from peerplaysbase.objects import Memo as PackedMemo
from peerplaysbase.operations import Operation as PackedOperation

from chain.keys import InvalidKeyError, format_public_key, key_prefix, parse_public_key
from chain.names import name_problem
from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER, pack_operation
from devchain import errors
from devchain.assertions import Assert
from devchain.fields import AccountId, Amount, Uint16, Uint32, instance_of, wire_number

HUNDRED_PERCENT = 10_000
SIDES = ("owner", "active")  #: the authorities of a registration
READ_SLICE = 0.0005  #: seconds of reading operations at once, some 90 µs each: the faucet may be in this process
KEPT_KEYS = 8192  #: that are not read again: those of some two thousand registrations


class Authority(Struct, frozen=True):
    """Keys and accounts whose weights together must reach the threshold."""

    weight_threshold: Uint32
    key_auths: list[tuple[str, Uint16]]
    account_auths: list[tuple[AccountId, Uint16]] = []
    address_auths: list[Any] = []

    @property
    def members(self) -> int:
        """How many keys and accounts there are."""
        return len(self.key_auths) + len(self.account_auths)

    @property
    def impossible(self) -> bool:
        """Whether all of them together do not reach the threshold."""
        return sum(weight for _, weight in [*self.key_auths, *self.account_auths]) < self.weight_threshold


class Options(Struct, frozen=True):
    """What an account's owner may change at will."""

    memo_key: str
    voting_account: AccountId
    num_witness: Uint16 = 0
    num_committee: Uint16 = 0
    votes: list[Annotated[str, Meta(pattern=r"^\d{1,3}:\d{1,9}$")]] = []


class AccountCreate(Struct, frozen=True):
    """Registers an account."""

    fee: Amount
    registrar: AccountId
    referrer: AccountId
    referrer_percent: Uint16
    name: str
    owner: Authority
    active: Authority
    options: Options

    @property
    def payer(self) -> str:
        """The account whose active authority is needed."""
        return self.registrar


class Memo(Struct, frozen=True, rename={"sender": "from", "receiver": "to"}):
    """A message that only sender and receiver can read."""

    sender: str
    receiver: str
    nonce: Annotated[str, Meta(pattern=r"^\d{1,19}$")] | Annotated[int, Meta(ge=0)]
    message: Annotated[str, Meta(pattern=r"^([0-9a-f]{2})+$")]


class Transfer(Struct, frozen=True, rename={"sender": "from", "receiver": "to"}):
    """Moves an amount from one account to another."""

    fee: Amount
    sender: AccountId
    receiver: AccountId
    amount: Amount
    memo: Memo | None = None

    @property
    def payer(self) -> str:
        """The account whose active authority is needed."""
        return self.sender


Body = AccountCreate | Transfer | Assert

_BODIES: dict[int, type[Body]] = {TRANSFER: Transfer, ACCOUNT_CREATE: AccountCreate, ASSERT: Assert}


@dataclass(frozen=True, slots=True)
class DecodedOperation:
    """An operation as the dev chain has read and checked it."""

    body: Body
    as_json: list[Any]  #: [number, {…}] as the chain writes it
    #: Bytes that the fee per kilobyte counts: all of a registration, only the memo of a transfer, none of an assertion.
    paid_size: int


def read_operation(raw: Any, prefix: str) -> tuple[DecodedOperation, bytes]:
    """The operation that the JSON value `raw` is, and its bytes in a transaction.

    Raises NodeError where a node can't read it. A node takes keys with any chain's prefix (measured).
    """
    # Packed by the package: the dev chain checks the bytes of chain/packing.py.
    return _read(raw, prefix, _pack_by_package)


def read_to_price(raw: Any, prefix: str) -> DecodedOperation:
    """The same operation, for its fee: of the bytes only the number counts. Raises NodeError."""
    return _read(raw, prefix, pack_operation)[0]


def _pack_by_package(as_json: list[Any], prefix: str) -> bytes:
    number, body = as_json
    return bytes(PackedOperation([number, {**_with_points(number, body, prefix), "prefix": prefix}]))


def _with_points(number: int, body: dict[str, Any], prefix: str) -> dict[str, Any]:
    """`body` with keys as hexadecimal points, which the package takes too: it reads base58 in a third of all its time.

    Not where an authority has several keys, since the package puts those of `body` itself in order.
    """
    if number != ACCOUNT_CREATE or any(len(body[side]["key_auths"]) != 1 for side in SIDES):
        return body
    sides = {side: _with_point(body[side], prefix) for side in SIDES}
    options = {**body["options"], "memo_key": _read_key(body["options"]["memo_key"], prefix).point}
    return {**body, **sides, "options": options}


def _with_point(authority: dict[str, Any], prefix: str) -> dict[str, Any]:
    ((key, weight),) = authority["key_auths"]
    return {**authority, "key_auths": [[_read_key(key, prefix).point, weight]]}


def _read(raw: Any, prefix: str, pack: Callable[[list[Any], str], bytes]) -> tuple[DecodedOperation, bytes]:
    number, body = _read_body(raw)
    if isinstance(body, Assert):
        return restore_operation([number, body.to_json()], 0), bytes(body)
    as_json = _account_create_json(body, prefix) if isinstance(body, AccountCreate) else _transfer_json(body, prefix)
    # The package puts the keys of an authority into the chain's order, in place.
    packed = pack([number, as_json], prefix)
    paid_size = len(packed) - 1 if isinstance(body, AccountCreate) else _memo_size(as_json, prefix)
    return restore_operation([number, as_json], paid_size), packed


def restore_operation(as_json: list[Any], paid_size: int) -> DecodedOperation:
    """An operation that was read already, from how it is shown."""
    number, body = as_json
    return DecodedOperation(msgspec.convert(body, _BODIES[number], strict=False), as_json, paid_size)


def check_prefixes(operations: list[Any], prefix: str) -> None:
    """Raises NodeError for a public key in a registration that begins otherwise than with `prefix`."""
    for number, body in operations:
        if number == ACCOUNT_CREATE:
            keys = [key for side in SIDES for key, _ in body[side]["key_auths"]]
            for key in (*keys, body["options"]["memo_key"]):
                if key_prefix(key) != prefix:
                    raise errors.unreadable_key().about(key)


def validate(body: Body, reserved_ending: str | None) -> None:
    """What the chain checks before it looks at its state. Raises NodeError, which names no operation.

    Of an assertion that is the fee only: the chain ignores the results of the predicates' own checks (assert.cpp).
    """
    _require(body.fee.amount >= 0, "fee.amount >= 0: ")
    if isinstance(body, AccountCreate):
        _validate_account_create(body, reserved_ending)
    elif isinstance(body, Transfer):
        _require(body.sender != body.receiver, "from != to: ", file="transfer.cpp")
        _require(body.amount.amount > 0, "amount.amount > 0: ", file="transfer.cpp")


def _read_body(raw: Any) -> tuple[int, Body]:
    try:
        number, body = msgspec.convert(raw, tuple[int, dict[str, Any]])
        if number not in _BODIES:
            raise errors.assertion("w < count(): ", "set_which", "static_variant.hpp").about(str(number))
        return number, msgspec.convert(body, _BODIES[number], strict=False)
    except msgspec.ValidationError as error:
        raise errors.bad_cast(str(error), "object") from None


def _validate_account_create(body: AccountCreate, reserved_ending: str | None) -> None:
    _require(name_problem(body.name, reserved_ending) is None, "is_valid_name( name ): ")
    _require(body.referrer_percent <= HUNDRED_PERCENT, "referrer_percent <= GRAPHENE_100_PERCENT: ")
    for side, auth in (("owner", body.owner), ("active", body.active)):
        _require(auth.members != 0, f"{side}.num_auths() != 0: ")
        _require(not auth.address_auths, f"{side}.address_auths.size() == 0: ")
        text = f"!{side}.is_impossible(): cannot create an account with an imposible {side} authority threshold"
        _require(not auth.impossible, text)
    # There is nobody to vote for here, and a node allows no more witnesses than votes.
    voted = body.options.votes or body.options.num_witness or body.options.num_committee
    text = "needed_witnesses == 0 && needed_committee == 0: May not specify fewer witnesses or committee members"
    _require(not voted, f"{text} than the number voted for.")


def _require(fulfilled: bool, text: str, file: str = "account.cpp") -> None:
    if not fulfilled:
        raise errors.assertion(text, "validate", file)


def _account_create_json(body: AccountCreate, prefix: str) -> dict[str, Any]:
    return {
        "fee": body.fee.to_json(),
        "registrar": body.registrar,
        "referrer": body.referrer,
        "referrer_percent": body.referrer_percent,
        "name": body.name,
        "owner": _authority_json(body.owner, prefix),
        "active": _authority_json(body.active, prefix),
        "options": {
            "memo_key": _read_key(body.options.memo_key, prefix).text,
            "voting_account": body.options.voting_account,
            "num_witness": body.options.num_witness,
            "num_committee": body.options.num_committee,
            "votes": body.options.votes,
            "extensions": [],
        },
        "extensions": {},
    }


def _transfer_json(body: Transfer, prefix: str) -> dict[str, Any]:
    as_json: dict[str, Any] = {
        "fee": body.fee.to_json(),
        "from": body.sender,
        "to": body.receiver,
        "amount": body.amount.to_json(),
    }
    if body.memo is not None:
        as_json["memo"] = {
            "from": _read_key(body.memo.sender, prefix).text,
            "to": _read_key(body.memo.receiver, prefix).text,
            "nonce": wire_number(int(body.memo.nonce)),
            "message": body.memo.message,
        }
    return {**as_json, "extensions": []}


def _authority_json(auth: Authority, prefix: str) -> dict[str, Any]:
    """As the chain holds it: accounts in the order of their numbers, whatever order they came in (flat_map)."""
    keys = {_read_key(key, prefix).text: weight for key, weight in auth.key_auths}
    accounts = sorted(dict(auth.account_auths).items(), key=lambda entry: instance_of(entry[0]))
    return {
        "weight_threshold": auth.weight_threshold,
        "account_auths": [list(entry) for entry in accounts],
        "key_auths": [list(entry) for entry in keys.items()],
        "address_auths": auth.address_auths,
    }


class _Key(NamedTuple):
    text: str  #: as this chain writes it
    point: str  #: hexadecimal


@lru_cache(KEPT_KEYS)  # those of a transaction were just read for its fees
def _read_key(text: str, prefix: str) -> _Key:
    """The key, of whatever chain. Raises NodeError if it can't be read."""
    try:
        raw = parse_public_key(text, None)
    except InvalidKeyError:
        raise errors.unreadable_key().about(text) from None
    return _Key(text if key_prefix(text) == prefix else format_public_key(raw, prefix), raw.hex())


def _memo_size(as_json: dict[str, Any], prefix: str) -> int:
    """Bytes of the memo and of the one that says it is there; 0 without."""
    memo = as_json.get("memo")
    return 0 if memo is None else 1 + len(bytes(PackedMemo(**memo, prefix=prefix)))
