"""Why a node refused: the one place that reads a node's error replies.

A node gives code 1 for every error; `data.code` tells some apart, and for the rest (10, a failed assertion)
only the source text of the assertion does, in the first frame of `data.stack`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from chain.packing import Operation
from chain.text import cut

ASSERTION = 10  #: data.code of a failed assertion (fc::assert_exception)
MAX_OPERATION = 16_384  #: bytes of an operation to blame; a refusal outlives the node's reply, and there may be many


class Cause(StrEnum):
    """What a refusal means to whoever sent the transaction."""

    NAME_TAKEN = "name_taken"
    INVALID_NAME = "invalid_name"
    INVALID_KEY = "invalid_key"
    EXPIRED = "expired"
    EXPIRATION_TOO_FAR = "expiration_too_far"
    KNOWN = "known"  #: this very transaction is pending or in a block
    UNKNOWN_REFERENCE = "unknown_reference"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    NOT_LIFETIME_MEMBER = "not_lifetime_member"
    REFERRER_NOT_MEMBER = "referrer_not_member"
    FEE_TOO_LOW = "fee_too_low"
    MISSING_AUTHORITY = "missing_authority"
    IRRELEVANT_SIGNATURE = "irrelevant_signature"
    DUPLICATE_SIGNATURE = "duplicate_signature"
    ASSERTION_FAILED = "assertion_failed"  #: an account id has another name than the transaction asserts
    UNKNOWN_METHOD = "unknown_method"
    OTHER = "other"


#: data.name, where it is enough. BitShares gives it, and other codes than Peerplays.
_BY_NAME = {"method_not_found_exception": Cause.UNKNOWN_METHOD}

_BY_CODE = {
    3030001: Cause.MISSING_AUTHORITY,
    3030004: Cause.IRRELEVANT_SIGNATURE,
    3030005: Cause.DUPLICATE_SIGNATURE,
    3030007: Cause.FEE_TOO_LOW,
    8: Cause.INVALID_KEY,
}

_BY_ASSERTION = {
    "current_account_itr == acnt_indx.indices().get<by_name>().end()": Cause.NAME_TAKEN,
    "is_valid_name( name )": Cause.INVALID_NAME,
    "now <= trx.expiration": Cause.EXPIRED,
    "trx.expiration <= now + chain_parameters.maximum_time_until_expiration": Cause.EXPIRATION_TOO_FAR,
    "trx_idx.indices().get<by_trx_id>().find(trx_id) ==": Cause.KNOWN,
    "trx.ref_block_prefix == tapos_block_summary.block_id._hash[1]": Cause.UNKNOWN_REFERENCE,
    "delta.amount > 0: Insufficient Balance": Cause.INSUFFICIENT_BALANCE,  # who never had any
    "itr->get_balance() >= -delta: Insufficient Balance": Cause.INSUFFICIENT_BALANCE,  # who has too little
    "insufficient_balance: Insufficient Balance": Cause.INSUFFICIENT_BALANCE,
    "fee_paying_account->is_lifetime_member()": Cause.NOT_LIFETIME_MEMBER,
    "op.referrer(d).is_member(d.head_block_time())": Cause.REFERRER_NOT_MEMBER,
    "p.account_id(db).name == p.name": Cause.ASSERTION_FAILED,
    "itr != _by_name.end(): no method with name": Cause.UNKNOWN_METHOD,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A node's error reply, read."""

    cause: Cause
    code: int  #: data.code, 0 where there is none
    text: str  #: the assertion or message, cut, for logs and operators
    operation: Operation | None  #: the guilty one, where the node names it
    name: str | None = None  #: what the first frame of the stack is about, such as the method that there is not


def read_refusal(error: Any) -> Refusal:
    """What the member `error` of a reply means; whatever its shape, this never fails."""
    data = _dict(_dict(error).get("data"))
    frames = [frame for frame in _list(data.get("stack")) if isinstance(frame, dict)]
    code = _code(data.get("code"))
    first = frames[0] if frames else {}
    text = _text(first.get("format"))
    return Refusal(
        cause=_BY_NAME.get(_text(data.get("name"))) or _cause(code, text),
        code=code,
        text=cut(text.strip(" :") or _text(_dict(error).get("message")) or "no reason given"),
        operation=next((operation for frame in frames if (operation := _operation(frame))), None),
        name=cut(_text(_dict(first.get("data")).get("name"))) or None,
    )


def _cause(code: int, text: str) -> Cause:
    if code != ASSERTION:
        return _BY_CODE.get(code, Cause.OTHER)
    return next((cause for start, cause in _BY_ASSERTION.items() if text.startswith(start)), Cause.OTHER)


def _operation(frame: dict[str, Any]) -> Operation | None:
    """The operation that the frame of `apply_operation` carries with its number."""
    operation = _dict(frame.get("data")).get("op")
    if not isinstance(operation, list) or len(operation) != 2 or not isinstance(operation[1], dict):
        return None
    return operation if _is_small(operation) else None


def _is_small(operation: Operation) -> bool:
    try:
        return len(msgspec.json.encode(operation)) <= MAX_OPERATION
    except RecursionError:
        return False


def _code(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**32 else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
