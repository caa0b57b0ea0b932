"""Reads a node's error replies, here only. Their wording is in chain/dialect.py.

`error.code` says nothing: it is 1 on one chain, and repeats `data.code` on another.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from chain.dialect import Cause, cause_of
from chain.packing import Operation
from chain.text import cut

__all__ = ["Cause", "Refusal", "read_refusal"]

MAX_OPERATION = 16_384  #: bytes of an operation to blame; a refusal outlives the node's reply, and there may be many


@dataclass(frozen=True, slots=True)
class Refusal:
    """A node's error reply, read."""

    cause: Cause
    code: int  #: data.code, 0 where there is none
    text: str  #: the assertion or message, cut, for logs and operators
    operation: Operation | None  #: the rejected one, where the node names it
    name: str | None = None  #: the name in the first frame's data, such as an unknown method's


def read_refusal(error: Any) -> Refusal:
    """The refusal in the member `error` of a reply. Never raises, whatever its shape."""
    data = _dict(_dict(error).get("data"))
    frames = [frame for frame in _list(data.get("stack")) if isinstance(frame, dict)]
    code = _code(data.get("code"))
    first = frames[0] if frames else {}
    text = _text(first.get("format"))
    return Refusal(
        cause=cause_of(_text(data.get("name")), code, text),
        code=code,
        text=cut(text.strip(" :") or _text(_dict(error).get("message")) or "no reason given"),
        operation=next((operation for frame in frames if (operation := _operation(frame))), None),
        name=cut(_text(_dict(first.get("data")).get("name"))) or None,
    )


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
