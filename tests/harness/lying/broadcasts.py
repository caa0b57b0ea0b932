"""Lies about the outcome of a call: transactions lost, or forwarded and denied, and calls without a reply."""

import asyncio
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from tests.harness.lying.lie import BROADCASTS, Ask, HangUp, Lie, Refusal, Request, Silence
from tests.harness.support import data

LONG = 1_000_000  #: characters of a text that is too long
STACK_DEPTH = 10_000  #: frames of a stack that is too long

_RECORDED = {name: reply["error"] for name, reply in data("node-errors.json").items() if "error" in reply}


def _bare(message: Any, **members: Any) -> dict[str, Any]:
    return {"code": 1, "message": message, **members}


#: Errors that a node can answer, by name: the recorded ones, and some that are made up.
ERRORS: dict[str, Any] = {
    **_RECORDED,
    "denied": _bare(
        "Access to API network_broadcast denied",
        data={"code": 0, "name": "exception", "message": "Access to API network_broadcast denied", "stack": []},
    ),
    "rate limit": {"code": 429, "message": "Too Many Requests"},
    "replaying": _bare("Node is replaying, please wait"),
    "no message": {},
    "null": None,
    "text": "no",
    "long message": _bare("x" * LONG),
    "long format": _bare("no", data={"code": 10, "stack": [{"format": "x" * LONG, "data": {}}]}),
    "long stack": _bare("no", data={"code": 10, "stack": [{"format": "x", "data": {}}] * STACK_DEPTH}),
    "wrong types": _bare({"a": [1]}, data={"code": "ten", "stack": {"format": 1}}),
}


@dataclass(frozen=True)
class LostBroadcasts(Lie):
    """Transactions are acknowledged and dropped; with `kind`, only those that contain such an operation."""

    kind: int | None = None
    methods: ClassVar[frozenset[str]] = BROADCASTS

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        if self.kind is None:
            return None
        kinds = {kind for kind, _ in request.arguments[-1]["operations"]}
        return None if self.kind in kinds else await ask(request)


@dataclass(frozen=True)
class DeniedBroadcasts(Lie):
    """Transactions are forwarded, and answered with this error of ERRORS all the same."""

    error: str
    methods: ClassVar[frozenset[str]] = BROADCASTS

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        await ask(request)
        raise Refusal(ERRORS[self.error])


@dataclass(frozen=True)
class RefusedCalls(Lie):
    """Calls of this API and method, both patterns, are not forwarded and answered with this error of ERRORS."""

    error: str
    api: str = "*"
    method: str = "*"

    def concerns(self, request: Request, /) -> bool:
        return _matches(request, self.api, self.method)

    async def serve(self, _request: Request, _ask: Ask, /) -> Any:
        raise Refusal(ERRORS[self.error])


@dataclass(frozen=True)
class _NoReply(Lie):
    """Calls of this method, a pattern, end in `outcome`; `forwarded` says whether the node gets them."""

    method: str = "*"
    forwarded: bool = False
    outcome: ClassVar[type[Exception]]

    def concerns(self, request: Request, /) -> bool:
        return _matches(request, "*", self.method)

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        if self.forwarded:
            await ask(request)
        raise self.outcome


class Unanswered(_NoReply):
    """Calls of this method get no reply."""

    outcome = Silence


class Dropped(_NoReply):
    """Calls of this method drop the connection."""

    outcome = HangUp


@dataclass(frozen=True)
class Delayed(Lie):
    """Calls of this method, a pattern, are answered so many seconds late."""

    seconds: float
    method: str = "*"

    def concerns(self, request: Request, /) -> bool:
        return _matches(request, "*", self.method)

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        result = await ask(request)
        await asyncio.sleep(self.seconds)
        return result


def _matches(request: Request, api: str, method: str) -> bool:
    return fnmatchcase(request.api, api) and fnmatchcase(request.method, method)
