"""Registrations by the hundred: what they share is encoded and packed once."""

from collections.abc import Sequence
from functools import cache

import msgspec

from chain.keys import format_public_key, read_points
from chain.packing import Operation, pack_object_id, pack_operation, pack_text
from chain.transactions import account_create

Encoded = tuple[bytes, bytes]  #: an operation as JSON and packed, without a fee
NewAccount = tuple[str, str, str, str, str]  #: referrer's id, name, owner, active and memo key

#: What stands in a form for what is filled in: none is part of anything else there.
_REFERRER, _NAME = "1.2.123456789012345", "sample-1"
_POINTS = [bytes([2, *[filler] * 32]) for filler in (1, 2, 3)]


class RegistrationForm:
    """An account_create into which an account is filled; nobody beside its holder signs for it."""

    def __init__(self, prefix: str, *, registrar: str, referrer_percent: int, voting_account: str) -> None:
        """Public keys begin with `prefix`; `registrar` and `voting_account` are ids."""
        self._prefix = prefix
        keys = [format_public_key(point, prefix) for point in _POINTS]
        sample = account_create(
            registrar=registrar, referrer=_REFERRER, referrer_percent=referrer_percent, voting_account=voting_account,
            name=_NAME, owner_key=keys[0], active_key=keys[1], memo_key=keys[2],
        )  # fmt: skip
        self._encoded = _template(msgspec.json.encode(sample), [each.encode() for each in (_REFERRER, _NAME, *keys)])
        packed_values = [pack_object_id(_REFERRER), pack_text(_NAME), *_POINTS]
        self._packed = _template(pack_operation(sample, prefix), packed_values)

    def fill_in(self, accounts: Sequence[NewAccount]) -> list[Encoded]:
        """The registrations of `accounts`, whose names the chain takes, without a fee. Raises InvalidKeyError."""
        points = iter(read_points([key for account in accounts for key in account[2:]], self._prefix))
        packed_id = cache(pack_object_id)
        return [
            (
                self._encoded % tuple([each.encode() for each in account]),
                self._packed % (packed_id(account[0]), pack_text(account[1]), next(points), next(points), next(points)),
            )
            for account in accounts
        ]


def encode(operation: Operation, prefix: str) -> Encoded:
    """Any operation, encoded and packed."""
    return msgspec.json.encode(operation), pack_operation(operation, prefix)


def with_encoded_fee(encoded: bytes, fee: int) -> msgspec.Raw:
    """`encoded`, the JSON of an operation that the faucet makes, paying `fee` satoshi instead of none."""
    return msgspec.Raw(encoded.replace(b'"amount":0,', b'"amount":%d,' % fee, 1))


def _template(whole: bytes, values: Sequence[bytes]) -> bytes:
    """`whole` with a place for each of `values`, which stand in it in this order."""
    parts = []
    for value in values:
        part, _, whole = whole.partition(value)
        parts.append(part.replace(b"%", b"%%"))
    return b"%b".join([*parts, whole.replace(b"%", b"%%")])
