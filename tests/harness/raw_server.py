"""A server that writes raw bytes on a real socket, websocket frames or anything else."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

from chain.cancellation import end_tasks

HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
PING = b"\x89\x7d" + b"x" * 125

#: Handles a connection, given the handshake's request. It reads nothing more.
Conversation = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw_server(converse: Conversation) -> AsyncIterator[str]:
    """A server whose connections `converse` handles; yields its URL."""
    conversations: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(await reader.readuntil(b"\r\n\r\n"), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            """The link has left."""
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await end_tasks(conversations)


def writes(answer: bytes) -> Conversation:
    async def converse(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return converse


def accepts(request: bytes) -> bytes:
    """The response that completes the handshake of `request`."""
    fields = dict(line.split(b": ", 1) for line in request.split(b"\r\n") if b": " in line)
    digest = hashlib.sha1(fields[b"Sec-WebSocket-Key"] + HANDSHAKE_GUID.encode()).digest()  # noqa: S324  # RFC 6455
    lines = (b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade")
    return b"\r\n".join((*lines, b"Sec-WebSocket-Accept: " + base64.b64encode(digest), b"", b""))
