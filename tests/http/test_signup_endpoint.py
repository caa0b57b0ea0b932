"""The way in: plain signups, and the same left to the application, are answered alike."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.harness.program import REGISTRAR_WIF, keys_of
from tests.harness.serving import NOW, Serving, read_reply, serving

CLIENT = {"X-Forwarded-For": "192.0.2.7", "X-Request-ID": "same", "Origin": "https://wallet.example"}
#: With it a reply is held for no time at all, which is not plain.
NOT_PLAIN = {"Prefer": "wait=0"}
#: What can't be the same, or says that it was asked for.
OWN = ("Date", "Location", "Preference-Applied")


def body(name: str, **changes: Any) -> bytes:
    return msgspec.json.encode({"account": {"name": name, **keys_of(name), **changes}})


@pytest.mark.parametrize(
    ("signup", "origins"),
    [
        (body("alice-1"), ("*",)),
        (body("alice-1"), ("https://wallet.example",)),
        (body("alice-1"), ()),
        (body("alice-1", referrer="bob"), ("*",)),
        (body("Alice"), ("*",)),
        (body("alice-1", memo_key="TEST1"), ("*",)),
        (body("test-faucet-1"), ("*",)),
        (body("throttled-1"), ("*",)),
        (body("alice-1", referrer="1.2.8"), ("*",)),
        (body("alice-1", referrer="1.2.9"), ("*",)),
        (body("alice-1", referrer="undefined"), ("*",)),
        (body("alice-1", real_name="{[{[{[{[{["), ("*",)),
        (body("alice-1", real_name=REGISTRAR_WIF), ("https://wallet.example",)),
        (b"\xef\xbb\xbf" + body("alice-1"), ("*",)),
        (b"[]", ("*",)),
        (b"\xff", ("*",)),
        (b" " * 20_000, ("*",)),
    ],
)
@pytest.mark.parametrize("old", [False, True])
async def test_plain_signups_are_answered_as_all_others(
    tmp_path: Path, signup: bytes, origins: tuple[str, ...], old: bool
) -> None:
    """Status, headers, body, metrics and line in the log."""

    replies = []
    for number, headers in enumerate((CLIENT, CLIENT | NOT_PLAIN)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with serving(folder, cors_origins=list(origins), old_clients=old) as served:
            await served.ledger.names.save_page([("bob-8", "1.2.8")], "bob-8")
            if b"throttled" in signup:
                await served.sign_up("first-1", headers=CLIENT)
            reply = await served.fetch("/faucet", method="POST", body=signup, headers=headers)
            counted = [line for line in (await served.fetch("/metrics")).body.splitlines() if "signup" in line]
            replies.append((reply.status, _shared(reply.headers), _without_job(reply.body), _counts(counted)))
    assert replies[0] == replies[1]


def _shared(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.get_all() if name not in OWN}


def _without_job(reply: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name != "job"}


def _counts(lines: list[str]) -> list[str]:
    return [line for line in lines if "_count{" in line or "_total{" in line]


async def test_body_that_does_not_come_ends_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.signup_router.BODY_TIMEOUT", 0.01)

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


async def test_client_that_goes_before_its_answer_has_a_job(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        with closing(sqlite3.connect(tmp_path / "faucet.db", isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            signup = body("gone-1")
            writer.write(b"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(signup) + signup)
            # Whoever comes now is taken later than the first.
            assert (await served.fetch("/healthz")).status == 200
            writer.transport.abort()
            assert (await served.fetch("/healthz")).status == 200
            shell.execute("ROLLBACK")
        await served.ledger.signups.finish()
        assert (await served.job("gone-1")).signup.name == "gone-1"
        assert await served.context.in_flight.wait_none(1)


async def test_rest_of_a_connection_is_not_counted_as_work(tmp_path: Path) -> None:
    """What the metrics say that a signup took begins with its request."""
    times = [float(NOW)]

    async with serving(tmp_path, clock=lambda: times[0]) as served:
        reader, writer = await served.connect()
        for name in ("early-1", "late-1"):
            signup = body(name)
            writer.write(b"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(signup) + signup)
            assert (await read_reply(reader))[0] == 200
            times[0] += 60
        writer.close()
        metrics = (await served.fetch("/metrics")).body.splitlines()
        (total,) = [
            line for line in metrics if line.startswith("faucet_http_request_seconds_sum{") and "signup" in line
        ]
        assert float(total.split()[1]) == 0
