"""Requests that no client means: each is refused with a 4xx, and the log says nothing of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.operators import HASH, operated
from tests.harness.program import Faucet
from tests.harness.serving import read_reply

DIGITS = "9" * 5000  #: more than int() takes


def head_of(target: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: x", *lines, "", "")).encode("latin1")


REFUSED = {
    "NUL in a file's name": head_of("/static/x%00"),
    "HEAD of it": head_of("/static/x%00", method="HEAD"),
    "NUL in a job's id": head_of("/api/v1/jobs/%00"),
    "line break in a job's id": head_of("/api/v1/jobs/a%0d%0aSet-Cookie:%20x/events"),
    "bare control character": head_of("/jobs/\x01"),
    "escape sequence": head_of("/jobs/%1b[31m"),
    "DEL in a referrer": head_of("/%7f/api/v1/accounts", "Content-Length: 0", method="POST"),
    "control character of an operator's action": head_of("/admin/jobs/%0a/retry", "Content-Length: 0", method="POST"),
    "length of 5,000 digits": head_of("/faucet", f"Content-Length: {DIGITS}", method="POST"),
    "length of 5,000 digits of a page": head_of("/status", f"Content-Length: {DIGITS}"),
    "length with 5,000 zeros": head_of("/faucet", f"Content-Length: {'0' * 5000}2", method="POST"),
    "length of 19 digits": head_of("/faucet", f"Content-Length: {2**63}", method="POST"),
    "port of 5,000 digits": b"GET / HTTP/1.1\r\nHost: x:" + DIGITS.encode() + b"\r\n\r\n",
    "port of 5,000 digits in the target": head_of(f"http://x:{DIGITS}/status"),
    "wait of 5,000 digits": head_of(f"/api/v1/jobs/x?wait={DIGITS}"),
    "preference of 5,000 digits": head_of("/api/v1/jobs/x", f"Prefer: wait={DIGITS}"),
}
FORGED = ("a|b|c", "1|2|3", "ab|\xff|3", "2|1:0|10:1|3:abc|4:AAAA|0", f"2|{DIGITS}|a|1", f"2|00|00|{DIGITS}", '"\\777"')


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Faucet]:
    service = Faucet(folder, {"nobroadcast": True, "admin_password_hash": HASH})
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def status_of(service: Faucet, request: bytes) -> int:
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        writer.write_eof()
        return (await read_reply(reader))[0] if b"HEAD " not in request else int((await reader.readline()).split()[1])
    finally:
        writer.close()


def complaints(service: Faucet) -> list[str]:
    """The lines of the log but for answered requests and the chain's."""
    lines = (service.folder / "log").read_text().splitlines()
    return [line for line in lines if " level=info " not in line and 'event="Executing ' not in line]


async def test_malformed_requests_are_refused_and_not_logged(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        for name, request in REFUSED.items():
            assert (name, await status_of(service, request) // 100) == (name, 4)
        assert (await service.fetch("/healthz")).status == 200
        assert complaints(service) == []


@pytest.mark.parametrize("cookie", ["faucet_session", "faucet_message", "_xsrf"])
async def test_forged_cookies_are_ignored_and_not_logged(tmp_path: Path, cookie: str) -> None:
    async with serving(tmp_path) as service:
        for value in FORGED:
            line = f"Cookie: {cookie}={value}"
            assert await status_of(service, head_of("/admin/jobs", line, "X-Forwarded-Proto: https")) == 303
            form = head_of("/admin", line, "X-Forwarded-Proto: https", "Content-Length: 0", method="POST")
            assert await status_of(service, form) == 403
        assert complaints(service) == []


@pytest.mark.parametrize("job_id", ["%e2%82%ac", "%c2%85", "a%2fb", "..", "%3f"])
async def test_action_on_any_job_id_leads_to_its_page(tmp_path: Path, job_id: str) -> None:
    """The address of the page is a header, which can't hold every character."""

    async with operated(tmp_path) as (_, operator):
        for action in ("retry", "cancel", "fail", "release"):
            reply = await operator.send(f"/admin/jobs/{job_id}/{action}", reason="x")
            assert (reply.status, reply.headers["Location"].lower()) == (303, f"/admin/jobs/{job_id}")
