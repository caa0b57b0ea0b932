"""One connection to the dev chain: calls, replies, notices, and injected faults."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from devchain import errors
from devchain.apis import FIRST_API, NUMBERS, History, Login, NetworkBroadcast
from devchain.bitshares import as_bitshares
from devchain.blocks import Chain
from devchain.calls import Call, invoke, read_call
from devchain.control import TestControl
from devchain.database import Database
from devchain.errors import Frame, NodeError
from devchain.faults import HUGE, Fault, FaultKind, Faults
from devchain.fields import wire_number
from devchain.flavours import Flavour
from devchain.subscriptions import Subscriptions

CONTROL = "devchain"  #: the name of the control API, which faults spare

Message = dict[str, Any]


class Client:
    """Serves one client; `control` is None unless clients may control the chain."""

    def __init__(
        self,
        connection: ServerConnection,
        chain: Chain,
        subscriptions: Subscriptions,
        faults: Faults,
        control: TestControl | None,
    ) -> None:
        self._connection = connection
        self._subscriptions = subscriptions
        self._faults = faults
        self._settings = chain.settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._apis: dict[int | str, object] = {
            "login": Login(),
            "database": Database(chain, subscriptions, self),
            "network_broadcast": NetworkBroadcast(chain, subscriptions, self),
            "history": History(chain),
        }
        self._apis |= {number: self._apis[name] for name, number in NUMBERS.items()}
        self._apis[FIRST_API] = self._apis["database"]
        if control is not None:
            self._apis[CONTROL] = control

    async def serve(self) -> None:
        """Answer calls until the client disconnects."""
        try:
            async for frame in self._connection:
                call = read_call(frame)
                if call is not None:
                    await self._handle(call)
        except ConnectionClosed:
            pass
        finally:
            self._subscriptions.forget(self)
            for task in list(self._tasks):
                task.cancel()

    def notify(self, callback: int, value: Any) -> None:
        """Send `value` to the client's callback number."""
        self._start(self._send({"method": "notice", "params": [callback, [value]]}))

    def drop(self) -> None:
        """Abort the connection without a closing handshake."""
        self._connection.transport.abort()

    async def _handle(self, call: Call) -> None:
        try:
            api, method, arguments = call.target
        except NodeError as error:
            await self._send(self._refusal(call, error))
            return
        fault = None if api == CONTROL else self._faults.take(method)
        if fault is not None and fault.do is FaultKind.DROP_BEFORE:
            self.drop()
        elif fault is not None and fault.do is FaultKind.REFUSE:
            await self._send({**_reply(call), "error": fault.error})
        elif fault is not None and fault.do is FaultKind.FORGET:
            await self._send({**_reply(call), "result": None})
        else:
            await self._answer(call, await self._call(api, method, arguments), fault)

    async def _call(self, api: int | str, method: str, arguments: list[Any]) -> Any:
        """The result of the call, or the NodeError that it raised."""
        try:
            if api not in self._apis:
                raise errors.unknown_api() if isinstance(api, int) else errors.unknown_method(api)
            result = invoke(self._apis[api], method, arguments)
            return await result if isinstance(result, Coroutine) else result
        except NodeError as error:
            return error

    async def _answer(self, call: Call, result: Any, fault: Fault | None) -> None:
        if isinstance(result, asyncio.Future):
            self._start(self._answer_when_done(call, result))
            return
        reply = self._refusal(call, result) if isinstance(result, NodeError) else {**_reply(call), "result": result}
        if fault is None:
            await self._send(reply)
        else:
            await self._answer_wrongly(reply, fault)

    def _refusal(self, call: Call, error: NodeError) -> Message:
        if self._settings.flavour is Flavour.BITSHARES:
            return {**_reply(call), "error": as_bitshares(error, self._settings.prefix)}
        data = {"call.method": call.name, "call.params": call.parameters}
        frame = Frame("on_message", "websocket_api.cpp", "", data)
        return {**_reply(call), "error": error.through(frame).payload}

    async def _answer_when_done(self, call: Call, result: asyncio.Future[Any]) -> None:
        await self._send({**_reply(call), "result": await result})

    async def _answer_wrongly(self, reply: Message, fault: Fault) -> None:
        """Reply as `fault` demands; a call that hangs gets no reply."""
        match fault.do:
            case FaultKind.DROP_AFTER:
                self.drop()
            case FaultKind.LATE:
                self._start(self._send(reply, after=fault.seconds))
            case FaultKind.GARBAGE:
                await self._send_text("no JSON at all")
            case FaultKind.WRONG_ID:
                await self._send({**reply, "id": reply["id"] + 1_000_000})
            case FaultKind.WRONG_TYPE:
                await self._send({**reply, "result": {"unexpected": True}})
            case FaultKind.HALF_REPLY:
                await self._send_text(self._half(msgspec.json.encode(reply).decode()))
            case FaultKind.HUGE_REPLY:
                await self._send({**reply, "result": "x" * HUGE})

    async def _half(self, text: str) -> AsyncIterator[str]:
        """The first half of `text`, then the connection drops."""
        yield text[: len(text) // 2]
        self.drop()
        yield text[len(text) // 2 :]

    def _start(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send in the background, so that the client's next call does not wait."""
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, message: Message, after: float = 0.0) -> None:
        if after:
            await asyncio.sleep(after)
        await self._send_text(msgspec.json.encode(message).decode())

    async def _send_text(self, text: str | AsyncIterator[str]) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(text)


def _reply(call: Call) -> Message:
    return {"id": wire_number(call.id), "jsonrpc": "2.0"}
