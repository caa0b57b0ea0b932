"""One client of a relay: its calls, the node's replies, and the lies between them."""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from functools import partial
from itertools import count
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.harness.lying.lie import Ask, HangUp, Json, Lie, RawFrame, Refusal, Request, Silence

FIRST_NUMBER = 1_000_000_000  #: of the calls to the node: far from those of clients whose frames are passed as they are
MAX_ID = 2**32  #: a node sends larger ones back as strings


class Record(Protocol):
    """The parts of its relay that a conversation uses."""

    lies: tuple[Lie, ...]
    failures: list[Exception]

    def record_call(self, request: Request) -> None: ...
    def record_lie(self, lie: Lie) -> None: ...


class Conversation:
    """Relays one client to the node until either is gone."""

    def __init__(self, relay: Record, client: ServerConnection, upstream: ClientConnection) -> None:
        self._relay = relay
        self._client = client
        self._upstream = upstream
        self._numbers = count(FIRST_NUMBER)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._apis = {0: "database", 1: "login"}  # API names by the numbers that the client was given
        self._tasks: set[asyncio.Task[None]] = set()
        self._floods: set[Lie] = set()

    async def run(self) -> None:
        """Return when the client or the node is gone."""
        readers = [asyncio.ensure_future(self._read_client()), asyncio.ensure_future(self._read_upstream())]
        try:
            await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._client.transport.abort()
            tasks = [*readers, *self._tasks]
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, ConnectionClosed):
                self._relay.failures.append(end)

    async def _read_client(self) -> None:
        async for frame in self._client:
            request = self._read(frame)
            if request is None:
                await self._upstream.send(frame)
                continue
            self._relay.record_call(request)
            self._start(self._answer(request))

    async def _read_upstream(self) -> None:
        async for frame in self._upstream:
            message = decode(frame)
            waiting = self._waiting.get(message.get("id", 0))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            elif message.get("method") == "notice":
                await self._notify(message)
            else:
                await self._client.send(frame)

    async def _notify(self, message: dict[str, Any]) -> None:
        params = message.get("params")
        for lie in self._relay.lies:
            if params is not None:
                params = lie.notice(params)
        if params is not None:
            await self._client.send(encode({**message, "params": params}))

    async def _answer(self, request: Request) -> None:
        try:
            self._start_floods(request)
            await self._client.send(await self._reply(request))
        except HangUp:
            self._client.transport.abort()
        except (Silence, ConnectionClosed):
            pass
        except Exception as error:  # noqa: BLE001  # a bug of a lie must reach the test, whatever it is
            self._relay.failures.append(error)
            self._client.transport.abort()

    async def _reply(self, request: Request) -> str:
        try:
            result = await self._stack()(request)
        except Refusal as refusal:
            return _frame(request.id, "error", refusal.error)
        except RawFrame as frame:
            return frame.text
        return _frame(request.id, "result", result)

    def _stack(self) -> Ask:
        """A call of the node through all lies."""
        ask: Ask = self._forward
        for lie in sorted(self._relay.lies, key=lambda lie: lie.garbles):
            ask = partial(self._lie, lie, ask)
        return ask

    async def _lie(self, lie: Lie, ask: Ask, request: Request) -> Any:
        if not lie.concerns(request):
            return await ask(request)
        if request.id is not None:
            self._relay.record_lie(lie)
        return await lie.serve(request, ask)

    async def _forward(self, request: Request) -> Any:
        """The node's answer."""
        number = next(self._numbers)
        reply = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._upstream.send(encode_call(number, request.wire_api, request.method, request.arguments))
            message = await reply
        finally:
            del self._waiting[number]
        if "error" in message:
            raise Refusal(message["error"])
        result = message.get("result")
        if request.api == "login" and type(result) is int:
            self._apis[result] = request.method
        return result

    def _read(self, frame: str | bytes) -> Request | None:
        """The call in `frame`; None for what a node ignores."""
        message = decode(frame)
        number = message.get("id")
        if type(number) is not int:
            return None
        match message:
            case {"method": "call", "params": [int() | str() as api, str() as method, list() as arguments]}:
                name = api if isinstance(api, str) else self._apis.get(api, str(api))
                return Request(name, method, arguments, api, number)
            case {"method": str() as method, "params": list() as arguments} if method != "call":
                return Request("database", method, arguments, 0, number)
        return None

    def _start_floods(self, request: Request) -> None:
        for lie in self._relay.lies:
            if lie not in self._floods and lie.concerns(request) and (frames := lie.flood(request)):
                self._floods.add(lie)
                self._start(self._flood(lie, frames))

    async def _flood(self, lie: Lie, frames: Iterable[str]) -> None:
        try:
            for frame in frames:
                if lie not in self._relay.lies:
                    break
                await self._client.send(frame)
                await asyncio.sleep(0)  # sending does not pause while the client reads as fast
        except ConnectionClosed:
            pass
        finally:
            self._floods.discard(lie)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def decode(frame: str | bytes) -> dict[str, Any]:
    """The message in `frame`; empty where it is none."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def encode(value: Any) -> str:
    """JSON as a node writes it, without blanks; integers of any size."""
    return value if isinstance(value, Json) else json.dumps(value, separators=(",", ":"))


def encode_call(number: int, api: int | str, method: str, arguments: list[Any]) -> str:
    """The frame of a call."""
    return encode({"id": number, "method": "call", "params": [api, method, arguments]})


def _frame(number: int, member: str, value: Any) -> str:
    as_json = number if number <= MAX_ID else str(number)
    return f'{{"id":{encode(as_json)},"jsonrpc":"2.0","{member}":{encode(value)}}}'
