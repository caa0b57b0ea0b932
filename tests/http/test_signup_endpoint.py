"""The signup endpoint: bodies, headers, faults, and clients that go."""

import asyncio
import socket
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.harness.loglines import log_lines
from tests.harness.serving import NOW, Serving, read_reply, serving, signup_of, waiting_job

#: What each faucet of these tests waits for the account to be in a block; longer than a test may take.
LONG: dict[str, Any] = {"reply_wait": 600, "reply_wait_max": 600}


async def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch("/faucet", method="POST", body=b"\xef\xbb\xbf" + signup_of("alice-1"))
        assert (reply.status, (await served.job("alice-1")).signup.name) == (200, "alice-1")


@pytest.mark.parametrize(
    ("origins", "allowed"), [(("*",), "*"), (("https://wallet.example",), "https://wallet.example"), ((), None)]
)
@pytest.mark.parametrize("name", ["alice-1", "Alice", "test-faucet-1"])
async def test_cors_headers_are_on_every_reply_to_a_signup(
    tmp_path: Path, origins: tuple[str, ...], allowed: str | None, name: str
) -> None:
    async with serving(tmp_path, cors_origins=list(origins)) as served:
        reply = await served.sign_up(name, headers={"Origin": "https://wallet.example", "X-Request-ID": "mine"})
        assert reply.headers.get("Access-Control-Allow-Origin") == allowed
        assert reply.headers.get("Vary") == (None if allowed == "*" else "Origin")
        assert (reply.headers["X-Request-ID"], reply.headers["Cache-Control"]) == ("mine", "no-store")


async def test_refusal_confirms_preference_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("Alice", headers={"Prefer": "wait=9"})
        assert (reply.status, reply.headers["Preference-Applied"]) == (422, "wait=9")


async def test_referrer_in_path_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1", "/%ff/api/v1/accounts")
        assert (reply.status, reply.body["error_code"]) == (400, "bad_request")
        assert await served.ledger.queries.jobs() == []


async def test_request_without_host_is_refused(tmp_path: Path) -> None:
    """RFC 9112, 3.2, for every version but 1.0."""
    body = signup_of("alice-1")
    for version, expected in (("HTTP/1.1", 400), ("HTTP/1.0", 200)):
        async with serving(tmp_path) as served:
            head = f"POST /faucet {version}\r\nContent-Length: {len(body)}\r\n\r\n"
            assert (await served.send(head.encode() + body))[0] == expected
            assert await served.context.in_flight.wait_none(1)


@pytest.mark.parametrize("path", ["/faucet", "/faucet?dry_run=1", "/bob/api/v1/accounts"])
async def test_fault_is_answered_and_logged_with_its_incident(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.close()  # every call now raises an unexpected error
        reply = await served.sign_up("alice-1", path)
        assert (reply.status, reply.body["error_code"]) == (500, "internal")
        assert await served.context.in_flight.wait_none(1)
    incident = reply.body["error"]["base"][0].rstrip(".").split()[-1]
    assert ["Traceback" in line for line in log_lines(caplog.records) if f"incident={incident} " in line] == [True]


async def test_fault_during_wait_is_answered(tmp_path: Path) -> None:
    """The signup stays accepted, and is counted once."""

    async with serving(tmp_path, **LONG) as served:
        posting = asyncio.create_task(served.sign_up("alice-1"))
        job = await waiting_job(served, "alice-1")
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(served.ledger.decisions._store, "rows", lambda *_: 1 / 0)
            served.ledger.changes.publish([job.id])
            assert (await posting).status == 500
        counted = [line for line in (await served.fetch("/metrics")).body.splitlines() if "signups_total{" in line]
        assert counted == ['faucet_signups_total{outcome="accepted"} 1.0']


async def test_reset_connection_ends_the_wait(tmp_path: Path) -> None:
    async with serving(tmp_path, **LONG) as served:
        _, writer = await served.connect()
        body = signup_of("alice-1")
        writer.write(b"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        job = await waiting_job(served, "alice-1")
        # Without lingering a close is a reset: a mere end could be a client that still reads.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await served.watched(job.id, 0)
        assert await served.context.in_flight.wait_none(20)


async def test_body_timeout_closes_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.request_reader.BODY_TIMEOUT", 0.01)

    async with serving(tmp_path) as served:
        for path in ("/faucet", "/bob/api/v1/accounts"):
            assert await _answer_to_half(served, path) == b""
        assert await served.context.in_flight.wait_none(1)


async def _answer_to_half(served: Serving, path: str) -> bytes:
    """All that comes to who sends half of a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_client_that_disconnects_before_the_commit_has_a_job(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        with closing(sqlite3.connect(tmp_path / "faucet.db", isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            signup = signup_of("gone-1")
            writer.write(b"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(signup) + signup)
            # A request that arrives now is handled after the first.
            assert (await served.fetch("/healthz")).status == 200
            writer.transport.abort()
            assert (await served.fetch("/healthz")).status == 200
            shell.execute("ROLLBACK")
        await served.ledger.signups.finish()
        assert (await served.job("gone-1")).signup.name == "gone-1"
        assert await served.context.in_flight.wait_none(1)


async def test_idle_time_of_a_connection_is_not_measured(tmp_path: Path) -> None:
    """What the metrics say that a signup took begins with its request."""
    times = [float(NOW)]

    async with serving(tmp_path, clock=lambda: times[0]) as served:
        reader, writer = await served.connect()
        for name in ("early-1", "late-1"):
            signup = signup_of(name)
            writer.write(b"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(signup) + signup)
            assert (await read_reply(reader))[0] == 200
            times[0] += 60
        writer.close()
        metrics = (await served.fetch("/metrics")).body.splitlines()
        (total,) = [
            line for line in metrics if line.startswith("faucet_http_request_seconds_sum{") and "signup" in line
        ]
        assert float(total.split()[1]) == 0
