"""Signups that come whole are answered as those that Tornado reads, one after the other on each connection."""

import asyncio
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from handlers.http.stream import ClientStream
from tests.harness.serving import Serving, read_reply, serving, signup_of, turn

WIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
Reply = tuple[int, dict[str, str], bytes]

LARGE = 4 * 1024 * 1024  #: bytes, more than a socket takes at once


def request(body: bytes, *headers: str, target: str = "/api/v1/accounts") -> bytes:
    lines = (f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "\r\n")
    return "\r\n".join(lines).encode() + body


def comparable(reply: Reply, data: bytes) -> Reply:
    """`reply` to `data`, without what differs each time; the names of headers mean the same in any case."""
    status, headers, body = reply
    named = {name.lower(): value for name, value in headers.items()}
    if b"X-Request-ID: mine" not in data:
        del named["x-request-id"]
    return status, named, body


async def reply_in_pieces(served: Serving, data: bytes) -> Reply:
    """The reply to a request whose last byte comes alone."""
    reader, writer = await served.connect()
    writer.write(data[:-1])
    while not served.context.in_flight._requests:
        await turn()
    writer.write(data[-1:])
    try:
        return await read_reply(reader)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        request(signup_of("alice-1"), "X-Request-ID: mine", "Prefer: wait=0", "Origin: https://wallet.example"),
        request(signup_of("alice-1", refcode="x"), target="/faucet"),
        request(signup_of("alice-1"), target="/bob/api/v1/accounts"),
        request(signup_of("alice-1"), "Connection: close"),
        request(signup_of("Alice"), "X-Request-ID: mine", "X-Forwarded-For: 192.0.2.1"),
        request(signup_of("alice-1"), "Content-Encoding: gzip", "X-Request-ID: mine"),
        request(signup_of("alice-1", memo_key=WIF), "X-Request-ID: mine"),
        request(signup_of("alice-1"), f"X-Request-ID: {WIF}"),
        request(signup_of("test-faucet-1"), "X-Request-ID: mine"),
        request(b"[]", "X-Request-ID: mine"),
    ],
)
async def test_reply_does_not_depend_on_how_a_signup_was_read(tmp_path: Path, data: bytes) -> None:
    async with serving(tmp_path) as served:
        whole, in_pieces = await served.send(data), await reply_in_pieces(served, data)
    assert comparable(whole, data) == comparable(in_pieces, data)


async def test_requests_of_one_connection_are_answered_in_their_order(tmp_path: Path) -> None:
    """Whatever comes while a signup waits for its commit is read after the reply to it."""
    async with serving(tmp_path) as served:
        reader, writer = await served.connect()
        with closing(sqlite3.connect(tmp_path / "faucet.db", isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            writer.write(request(signup_of("alice-1")))
            assert (await served.fetch("/healthz")).status == 200
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + request(signup_of("Alice")))
            writer.write(request(signup_of("alice-2")))
            assert (await served.fetch("/healthz")).status == 200
            shell.execute("ROLLBACK")
        replies = [await read_reply(reader) for _ in range(4)]
        writer.close()
    assert [status for status, _, _ in replies] == [200, 200, 422, 200]
    assert (b"alice-1" in replies[0][2], b"alice-2" in replies[3][2]) == (True, True)


async def test_client_that_ends_its_side_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reader, writer = await served.connect()
        writer.write(request(signup_of("alice-1")))
        writer.write_eof()
        assert (await read_reply(reader))[0] == 200
        assert await reader.read() == b""
        writer.close()


async def test_nothing_is_read_after_the_last_request(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reader, writer = await served.connect()
        writer.write(request(signup_of("alice-1"), "Connection: close"))
        status, headers, _ = await read_reply(reader)
        assert (status, headers["Connection"], await reader.read()) == (200, "close", b"")
        writer.close()
        assert await served.context.in_flight.wait_none(1)


@pytest.mark.parametrize("is_last", [True, False])
async def test_slow_reader_gets_the_whole_reply(is_last: bool) -> None:
    ours, theirs = socket.socketpair()
    stream = ClientStream(ours, unreadable=b"")
    stream.begin(lambda: None)
    stream.reply(b"x" * LARGE, is_last=is_last)
    assert stream.writing()
    theirs.setblocking(False)
    received = 0
    while received < LARGE:
        received += len(await asyncio.get_running_loop().sock_recv(theirs, LARGE))
    while is_last and not stream.closed():
        await turn()
    assert stream.closed() is is_last
    stream.close()
    theirs.close()
