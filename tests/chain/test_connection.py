"""Clients of all ages: half-closed connections, old HTTP, and what is no HTTP at all."""

import asyncio
import json
from pathlib import Path

import pytest
from tornado.iostream import IOStream

from tests.harness.serving import Serving, read_reply, register, serving, signup_of, turn

POST = b"POST /faucet HTTP/1.1\r\nHost: x\r\n"


def posted(name: str, path: str = "/faucet") -> bytes:
    body = signup_of(name)
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def send_and_shut(served: Serving, *pieces: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send `pieces` one after the other, then no more."""
    reader, writer = await served.connect()
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        assert (await served.fetch("/healthz")).status == 200
    writer.write_eof()
    return reader, writer


@pytest.mark.parametrize("path", ["/faucet", "/bob/api/v1/accounts", "/faucet?wait=0.1"])
@pytest.mark.parametrize("size", [10_000, 150])
async def test_half_closed_client_gets_its_reply(tmp_path: Path, path: str, size: int) -> None:
    async with serving(tmp_path) as served:
        request = posted("alice-1", path)
        pieces = [request[at : at + size] for at in range(0, len(request), size)]
        reader, writer = await send_and_shut(served, *pieces)
        answer = await reader.read()
        assert (answer[:15], answer.count(b"HTTP/1.1")) == (b"HTTP/1.1 200 OK", 1)
        writer.close()
        assert await served.context.in_flight.wait_none(20)


async def test_half_closed_client_waits_for_its_account(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reader, writer = await send_and_shut(served, posted("alice-1", "/faucet?wait=20"))
        while not await served.ledger.queries.jobs(name="alice-1"):
            await turn()
        job = await served.job("alice-1")
        await served.watched(job.id)
        await register(served.ledger, job)
        status, _, body = await read_reply(reader)
        assert (status, json.loads(body)["job"]["state"]) == (200, "registered")
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", POST + b"Content-Length: 100\r\n\r\nhalf"])
async def test_client_that_closes_mid_request_is_dropped(tmp_path: Path, sent: bytes) -> None:
    async with serving(tmp_path) as served:
        reader, writer = await send_and_shut(served, sent)
        assert await reader.read() == b""
        writer.close()
        assert await served.context.in_flight.wait_none(20)


async def test_half_closed_client_is_not_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of what it sends stays readable for as long as its reply is held."""
    reads: list[None] = []
    read = IOStream.read_from_fd

    def counted(stream: IOStream, buf: bytearray | memoryview) -> int | None:
        reads.append(None)
        return read(stream, buf)

    async with serving(tmp_path) as served:
        reader, writer = await send_and_shut(served, posted("alice-1", "/faucet?wait=20"))
        while not await served.ledger.queries.jobs(name="alice-1"):
            await turn()
        await served.watched((await served.job("alice-1")).id)
        monkeypatch.setattr(IOStream, "read_from_fd", counted)
        for _ in range(1000):
            await turn()
        monkeypatch.undo()
        assert len(reads) < 10
        served.ledger.changes.close()
        assert (await read_reply(reader))[0] == 200
        writer.close()


async def test_client_closes_between_requests(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reader, writer = await served.connect()
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        for _ in range(2):
            assert (await read_reply(reader))[0] == 200
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"HELLO\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
        POST + b"no colon\r\n\r\n",
        POST + b"Transfer-Encoding: gzip\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nabcde",
        POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Checksum: 1\r\n\r\n",
    ],
)
async def test_unreadable_request_is_refused_in_json(tmp_path: Path, request_: bytes) -> None:
    """A trailer after the last chunk among it."""

    async with serving(tmp_path) as served:
        status, headers, body = await served.send(request_)
        assert (status, json.loads(body)["error_code"]) == (400, "bad_request")
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Content-Type"].startswith("application/json")
        assert headers["X-Request-ID"]
        assert await served.context.in_flight.wait_none(20)


@pytest.mark.parametrize("word", [b"100-continue", b"100-Continue", b"100-CONTINUE"])
async def test_expect_100_continue_is_answered(tmp_path: Path, word: bytes) -> None:
    async with serving(tmp_path) as served:
        body = signup_of("alice-1")
        reader, writer = await served.connect()
        writer.write(POST + b"Content-Length: %d\r\nExpect: %b\r\n\r\n" % (len(body), word))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(body)
        assert (await read_reply(reader))[0] == 200
        writer.close()


async def test_http_1_0_keep_alive_is_honoured(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reader, writer = await served.connect()
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            status, headers, _ = await read_reply(reader)
            assert (status, headers["Connection"]) == (200, "Keep-Alive")
        writer.close()
