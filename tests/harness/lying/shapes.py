"""Malformed replies: wrong types, missing members, sizes, floods, redirects."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from itertools import count, islice
from typing import Any, ClassVar

from websockets.datastructures import Headers
from websockets.http11 import Response

from tests.harness.lying.lie import Ask, Json, Lie, RawFrame, Request, objects_with

REDIRECTED = "/redirected"  #: the path of a relay that its own redirects lead to

#: Values that a member can't have, by name.
WRONG_VALUES: dict[str, Any] = {
    "2**70": 2**70,
    "-2**70": -(2**70),
    "negative": -1,
    "word": "many",
    "null": None,
    "list": [],
    "object": {},
    "flag": True,
    "fraction": 1.5,
    "huge fraction": 1e300,
    "digits": "9" * 10_000,
    "megabyte": "x" * 1_000_000,
    "unpaired surrogate": "\ud800",
}

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class WrongValue(Lie):
    """The reply to this call has one of WRONG_VALUES at `path`; as the whole result, where that is empty."""

    method: str
    path: Path
    value: str
    garbles: ClassVar[bool] = True

    def concerns(self, request: Request, /) -> bool:
        return request.method == self.method

    def change(self, _request: Request, result: Any, /) -> Any:
        if not self.path:  # the result itself
            return WRONG_VALUES[self.value]
        holder = _holder(result, self.path)
        if holder is not None:
            holder[self.path[-1]] = WRONG_VALUES[self.value]
        return result


@dataclass(frozen=True)
class MissingMember(Lie):
    """The reply to this call lacks the member at `path`."""

    method: str
    path: Path
    garbles: ClassVar[bool] = True

    def concerns(self, request: Request, /) -> bool:
        return request.method == self.method

    def change(self, _request: Request, result: Any, /) -> Any:
        holder = _holder(result, self.path)
        if holder is not None:
            del holder[self.path[-1]]
        return result


def _holder(value: Any, path: Path) -> Any:
    """The container that the last step of `path` indexes; None where the reply has no such place."""
    for step in path[:-1]:
        if not _leads(value, step):
            return None
        value = value[step]
    return value if _leads(value, path[-1]) else None


def _leads(value: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and step < len(value)
    return isinstance(value, dict) and step in value


@dataclass(frozen=True)
class LongText(Lie):
    """Every object with this member, in the reply to any call, has a text of so many characters there."""

    member: str
    size: int = 1_000_000
    garbles: ClassVar[bool] = True

    def change(self, _request: Request, result: Any, /) -> Any:
        for found in objects_with(result, self.member):
            found[self.member] = "x" * self.size
        return result


@dataclass(frozen=True)
class DeepNesting(Lie):
    """The result is a deeply nested list."""

    depth: int = 100_000
    method: str = "*"
    garbles: ClassVar[bool] = True

    def concerns(self, request: Request, /) -> bool:
        return fnmatchcase(request.method, self.method)

    async def serve(self, _request: Request, _ask: Ask, /) -> Any:
        return Json("[" * self.depth + "]" * self.depth)


@dataclass(frozen=True)
class HugeFrame(Lie):
    """The reply is a frame of so many megabytes: one text, or a list of many small numbers."""

    megabytes: int = 10
    method: str = "*"
    numbers: bool = False
    garbles: ClassVar[bool] = True

    def concerns(self, request: Request, /) -> bool:
        return fnmatchcase(request.method, self.method)

    async def serve(self, _request: Request, _ask: Ask, /) -> Any:
        size = self.megabytes * 1_000_000
        return Json("[" + "1," * (size // 2) + "1]") if self.numbers else Json('"' + "x" * size + '"')


@dataclass(frozen=True)
class Garbage(Lie):
    """The reply is this text."""

    text: str = "no JSON at all"
    method: str = "*"
    garbles: ClassVar[bool] = True

    def concerns(self, request: Request, /) -> bool:
        return fnmatchcase(request.method, self.method)

    async def serve(self, _request: Request, _ask: Ask, /) -> Any:
        raise RawFrame(self.text)


#: Unsolicited frames, by name; each time with the next number.
FLOODS: dict[str, str] = {
    "blocks": '{"method":"notice","params":[1,["%040x"]]}',
    "objects": '{"method":"notice","params":[2,[[{"id":"2.1.0","head_block_number":%d}]]]}',
    "replies": '{"id":%d,"jsonrpc":"2.0","result":null}',
    "errors": '{"id":%d,"jsonrpc":"2.0","error":{"code":1,"message":"no"}}',
}


@dataclass(frozen=True)
class Flood(Lie):
    """A client that has called gets frames of this kind of FLOODS unasked: so many, or without end."""

    kind: str
    frames: int | None = None

    def flood(self, _request: Request, /) -> Iterable[str]:
        return (FLOODS[self.kind] % number for number in islice(count(1), self.frames))


@dataclass(frozen=True)
class Redirect(Lie):
    """Clients are redirected; None is another path of the relay, which counts those who follow."""

    url: str | None = None
    status: int = 302

    def handshake(self, _path: str, /) -> Response | None:
        return _response(self.status, Location=self.url or REDIRECTED)


@dataclass(frozen=True)
class HandshakeRefused(Lie):
    """Clients that connect are answered with this HTTP status, such as 403, 429 or 503."""

    status: int = 503

    def handshake(self, _path: str, /) -> Response | None:
        return _response(self.status)


def _response(status: int, **headers: str) -> Response:
    return Response(status, HTTPStatus(status).phrase, Headers({**headers, "Content-Length": "0"}))
