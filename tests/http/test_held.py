"""Replies that are held or streamed: how many one address and all may have, and clients that read none."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from handlers.http.connections import READ_TIMEOUT
from handlers.http.held import MAX_OF_CLIENT, HeldReplies
from tests.harness.program import Faucet
from tests.harness.serving import CLIENT, serving

OTHER = {"X-Forwarded-For": "192.0.2.2"}


@pytest.mark.parametrize("held", ["/events", "?wait=30"])
async def test_one_address_has_so_many_held_replies(tmp_path: Path, held: str) -> None:
    async with serving(tmp_path) as served, contextlib.AsyncExitStack() as stack:
        job = await served.accept("alice-1")
        for _ in range(MAX_OF_CLIENT):
            _, writer = await served.connect()
            stack.callback(writer.close)
            head = f"GET /api/v1/jobs/{job.id}{held} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
            writer.write(head.encode())
        await served.watched(job.id, MAX_OF_CLIENT)
        for path in ("/events", "?wait=30"):
            reply = await served.fetch(f"/api/v1/jobs/{job.id}{path}", headers=CLIENT)
            assert (reply.status, reply.body["error_code"]) == (429, "throttled")
            assert int(reply.headers["Retry-After"]) > 0
        assert (await served.fetch(f"/api/v1/jobs/{job.id}", headers=CLIENT)).status == 200
        assert (await served.fetch(f"/api/v1/jobs/{job.id}?wait=0.01", headers=OTHER)).status == 200
        await served.ledger.operators.cancel([job.id], by="operator", reason="No.")
        await served.watched(job.id, 0)
        other = await served.accept("bob-1")
        assert (await served.fetch(f"/api/v1/jobs/{other.id}?wait=0.01", headers=CLIENT)).status == 200


async def test_held_replies_are_limited_in_all(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        served.context.held = HeldReplies(1)
        waiting = asyncio.create_task(served.fetch(f"/api/v1/jobs/{job.id}?wait=20", headers=CLIENT))
        await served.watched(job.id)
        reply = await served.fetch(f"/api/v1/jobs/{job.id}/events", headers=OTHER)
        assert (reply.status, reply.body["error_code"]) == (503, "overloaded")
        # A signup is on disk: it is answered as if its wait had run out.
        reply = await served.sign_up("bob-1", "/faucet?wait=20", headers=OTHER)
        assert (reply.status, reply.body["job"]["state"]) == (200, "queued")
        await served.ledger.operators.cancel([job.id], by="operator", reason="No.")
        assert (await waiting).status == 200


async def ask_on(client: socket.socket) -> None:
    """Ask for pages and read none, until the server closes the connection."""
    while True:
        await asyncio.get_running_loop().sock_sendall(client, b"GET /static/style.css HTTP/1.1\r\nHost: x\r\n\r\n" * 99)


async def test_client_that_reads_nothing_is_closed(tmp_path: Path) -> None:
    """It asks for page after page, until no buffer takes a reply any more."""
    service = Faucet(tmp_path, {"nobroadcast": True})
    await service.start()
    try:
        host, port = service.url.removeprefix("http://").split(":")
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((host, int(port)))
            client.setblocking(False)
            began = loop.time()
            with pytest.raises(ConnectionError):
                await ask_on(client)
            assert READ_TIMEOUT - 1 < loop.time() - began < 2 * READ_TIMEOUT
        assert (await service.fetch("/healthz")).status == 200
    finally:
        await service.stop()
