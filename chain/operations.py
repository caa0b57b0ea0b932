"""Parses the operations of blocks, and keeps what the faucet needs of them.

A block may have megabytes, and dicts take several times as much: known operations are kept as JSON and decoded on
access, of all others only the number is kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, overload

import msgspec
from msgspec import Raw

from chain.errors import BadReply
from chain.packing import ACCOUNT_CREATE, ACCOUNT_UPDATE, ASSERT, TRANSFER, Operation
from chain.replies import (
    AccountId,
    AccountName,
    AuthorityObject,
    ObjectId,
    PublicKey,
    Satoshi,
    Uint16,
    decode,
)

MAX_BODY = 65_536  #: bytes of an operation body that is kept; no registration or payment is larger
MAX_NESTING = 500  #: brackets in such a body: deeper nesting can't be decoded everywhere
MALFORMED = -1  #: replaces the number of an operation that can't be read

_ACCOUNT = rb'"1\.2\.[0-9]{1,15}"'
_KEY = rb'"([A-Za-z0-9]{1,80})"'
_NUMBER = rb"(?:0|[1-9][0-9]{0,3})"
_ONE_KEY = rb'{"weight_threshold":1,"account_auths":\[\],"key_auths":\[\[%b,1\]\],"address_auths":\[\]}' % _KEY
#: What nearly every account_create is, as nodes write it: one key in each place, no votes, no extensions. The body has
#: the form of one then and nothing beside it, which takes an eighth of the time to see; all others are decoded.
_PLAIN = re.compile(
    rb'{"fee":{"amount":(?:0|[1-9][0-9]{0,17}),"asset_id":"1\.3\.[0-9]{1,15}"},'
    rb'"registrar":%b,"referrer":%b,"referrer_percent":(?:%b|10000),"name":"([a-z0-9.-]{1,63})","owner":%b,"active":%b,'
    rb'"options":{"memo_key":%b,"voting_account":%b,"num_witness":%b,"num_committee":%b,"votes":\[\],'
    rb'"extensions":\[\]},"extensions":(?:{}|\[\])}'
    % (_ACCOUNT, _ACCOUNT, _NUMBER, _ONE_KEY, _ONE_KEY, _KEY, _ACCOUNT, _NUMBER, _NUMBER)
).fullmatch


class Operations(Sequence[Operation]):
    """The operations of a transaction, each [number, body], decoded on every access.

    The body is empty but for account_create, transfer, account_update and assert. Where one of these has another form
    or is out of reason, the number is MALFORMED.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[tuple[int, bytes]]) -> None:
        """`parts` are numbers and bodies, as JSON."""
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> Operation: ...
    @overload
    def __getitem__(self, index: slice) -> "Operations": ...
    def __getitem__(self, index: int | slice) -> "Operation | Operations":
        if isinstance(index, slice):
            return Operations(self._parts[index])
        return _operation(*self._parts[index])

    def __iter__(self) -> Iterator[Operation]:
        return (_operation(*part) for part in self._parts)

    def __eq__(self, other: object) -> bool:
        """Compare decoded values: nodes format JSON differently."""
        return isinstance(other, Operations) and (self._parts == other._parts or list(self) == list(other))

    def __hash__(self) -> int:
        return hash(self.numbers)

    def of_kind(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """(position, body) of the operations with this `number`; bodies of others are not decoded."""
        for position, (each, body) in enumerate(self._parts):
            if each == number:
                yield position, msgspec.json.decode(body)

    def registered_names(self) -> Iterator[tuple[int, str]]:
        """(position, name) of the accounts that operations register; nothing else of them is decoded."""
        for position, (number, body) in enumerate(self._parts):
            if number == ACCOUNT_CREATE:
                yield position, _read_named(body).name

    def registrations(self) -> Iterator[tuple[int, str, tuple[str, str, str]] | tuple[int, str, None]]:
        """(position, name, keys) of the accounts that operations register.

        The keys are the owner, active and memo key where no other key or account signs; None where the body must say.
        """
        for position, (number, body) in enumerate(self._parts):
            if number != ACCOUNT_CREATE:
                continue
            if (plain := _PLAIN(body)) is not None:
                name, owner, active, memo = (each.decode() for each in plain.groups())
                yield position, name, (owner, active, memo)
            else:
                yield position, _read_named(body).name, None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The operations' numbers, without decoding bodies."""
        return tuple(number for number, _ in self._parts)


class _Amount(msgspec.Struct):
    amount: Satoshi
    asset_id: ObjectId


class _Options(msgspec.Struct):
    memo_key: PublicKey
    voting_account: AccountId
    num_witness: Uint16
    num_committee: Uint16
    votes: list[Raw]
    extensions: Raw


class _AccountCreate(msgspec.Struct):
    fee: _Amount
    registrar: AccountId
    referrer: AccountId
    referrer_percent: Uint16
    name: AccountName
    owner: AuthorityObject
    active: AuthorityObject
    options: _Options
    extensions: Raw


class _Transfer(msgspec.Struct):
    fee: _Amount
    sender: AccountId = msgspec.field(name="from")
    receiver: AccountId = msgspec.field(name="to")
    amount: _Amount
    extensions: Raw


class _AccountUpdate(msgspec.Struct):
    fee: _Amount
    account: AccountId
    extensions: Raw


class _Assert(msgspec.Struct):
    fee: _Amount
    fee_paying_account: AccountId
    predicates: list[tuple[Uint16, Raw]]
    extensions: Raw


class _Named(msgspec.Struct):
    name: str


_read_named = msgspec.json.Decoder(_Named).decode

#: The operations whose bodies are kept, and the members that reading and packing need.
_FORMS: Mapping[int, type[msgspec.Struct]] = {
    ACCOUNT_CREATE: _AccountCreate,
    TRANSFER: _Transfer,
    ACCOUNT_UPDATE: _AccountUpdate,
    ASSERT: _Assert,
}


def read_operation(number: int, raw: Raw) -> tuple[tuple[int, bytes], str | None]:
    """The number and the body that are kept, and why the operation can't be read; None if it can."""
    form = _FORMS.get(number)
    if form is None:
        return _part_without_body(number), None
    body = bytes(raw)
    if number == ACCOUNT_CREATE and _PLAIN(body) is not None:
        return (number, body), None
    if len(body) > MAX_BODY or body.count(b"{") + body.count(b"[") > MAX_NESTING:
        return _part_without_body(MALFORMED), f"operation {number} is larger or deeper than any that is known"
    try:
        decode(body, form)
        decode(body, dict[str, Any])  # members outside the form must be decodable too: later accesses handle no errors
    except BadReply as error:
        return _part_without_body(MALFORMED), str(error)
    return (number, body), None


@cache  # there may be a hundred thousand in a block
def _part_without_body(number: int) -> tuple[int, bytes]:
    return number, b"{}"


def _operation(number: int, body: bytes) -> Operation:
    return [number, msgspec.json.decode(body)]
