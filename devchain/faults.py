"""Faults that can be injected into replies, for tests."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

HUGE = 13_000_000  #: bytes; more than a client has to accept


class FaultKind(StrEnum):
    """What replaces the proper reply."""

    DROP_BEFORE = "drop_before"  #: the connection is lost before the call is carried out
    DROP_AFTER = "drop_after"  #: … after it was carried out, before the answer
    HANG = "hang"  #: carried out, never answered
    LATE = "late"  #: carried out, answered after `seconds`
    GARBAGE = "garbage"  #: carried out, answered by text that is no JSON
    WRONG_ID = "wrong_id"  #: carried out, answered under another number
    WRONG_TYPE = "wrong_type"  #: carried out, answered by a value of another type
    HALF_REPLY = "half_reply"  #: carried out, and the connection is lost within the answer
    HUGE_REPLY = "huge_reply"  #: carried out, answered by HUGE bytes
    REFUSE = "refuse"  #: not carried out, answered by `error`
    FORGET = "forget"  #: not carried out, answered by null as if it had been


class Fault(Struct):
    """A fault for the next `times` calls of the method `on`; `*` is any method."""

    on: str
    do: FaultKind
    times: int = 1
    seconds: float = 0.0
    error: dict[str, Any] = {}


class Faults:
    """The queue of faults."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Queue `fault` behind the others."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Drop all faults."""
        self._faults.clear()

    def take(self, method: str) -> Fault | None:
        """The fault for this call of `method`, if one is due."""
        fault = next((fault for fault in self._faults if fault.on in (method, "*")), None)
        if fault is not None:
            fault.times -= 1
            if fault.times == 0:
                self._faults.remove(fault)
        return fault
