"""Jobs over HTTP: as they are, after a long poll, and as a stream."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import Code
from jobs.model.job import State
from tests.harness.serving import NOW, Serving, broadcast, complaints, pay, register, serving, settle

EXISTS = ("account_exists", "Account exists")
FORBIDDEN = "The name has a character that is not allowed: only a to z, 0 to 9, '-' and '.' are."


async def test_new_job_is_shown(tmp_path: Path) -> None:
    async with serving(tmp_path, clock=lambda: NOW + 0.678) as served:
        job = await served.accept("alice-1")
        reply = await served.fetch(f"/api/v1/jobs/{job.id}")
        assert reply.status == 200
        assert reply.body == {
            "job": {
                "id": job.id,
                "name": "alice-1",
                "referrer": None,
                "state": "queued",
                "account_id": None,
                "transaction_id": None,
                "block_num": None,
                "irreversible": False,
                "initial_balance": None,
                "attempts": 0,
                "code": None,
                "reason": None,
                "created_at": "2027-01-15T08:00:00.678Z",
                "updated_at": "2027-01-15T08:00:00.678Z",
            }
        }


async def test_done_job_is_shown(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1", "12.50")
        await register(served.ledger, job)
        await pay(served.ledger, job)
        await settle(served.ledger)
        fetched = (await served.fetch(f"/api/v1/jobs/{job.id}")).body["job"]
        assert (fetched["state"], fetched["account_id"], fetched["irreversible"]) == ("done", f"1.2.{job.number}", True)
        assert (fetched["block_num"], fetched["initial_balance"], fetched["attempts"]) == (1_000 + job.number, 12.5, 1)
        assert len(fetched["transaction_id"]) == 40


async def test_failed_job_is_shown(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        await served.ledger.drain.fail({job.number: (Code.ACCOUNT_EXISTS, "Account exists")})
        fetched = (await served.fetch(f"/api/v1/jobs/{job.id}")).body["job"]
        assert (fetched["state"], fetched["code"], fetched["reason"]) == ("failed", "account_exists", "Account exists")


async def test_ended_job_is_not_waited_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        await served.ledger.operators.cancel([job.id], by="operator", reason="Not today.")
        reply = await served.fetch(f"/api/v1/jobs/{job.id}?wait=30", request_timeout=20)
        assert reply.body["job"]["state"] == "cancelled"


async def test_wait_timeout_shows_the_job_as_it_is(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        reply = await served.fetch(f"/api/v1/jobs/{job.id}?wait=0.01")
        assert reply.body["job"]["state"] == "queued"


async def test_wait_ends_only_when_the_state_changes(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        waiting = asyncio.create_task(served.fetch(f"/api/v1/jobs/{job.id}?wait=20"))
        await served.watched(job.id)
        served.ledger.changes.publish([job.id])
        await served.fetch("/healthz")
        assert not waiting.done()
        await broadcast(served.ledger, job)
        assert (await waiting).body["job"]["state"] == "broadcast"


async def test_stream_sends_each_state_and_ends_with_the_last(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1", "10")
        states = jobs_of(events(served, job.id))
        assert (await anext(states))["state"] == "queued"
        await register(served.ledger, job)
        await wait_for_state(states, "registered")
        await pay(served.ledger, job)
        await wait_for_state(states, "funded")
        await settle(served.ledger)
        assert [state["state"] async for state in states][-1:] == ["done"]


@pytest.mark.parametrize("end", [State.FAILED, State.CANCELLED])
async def test_stream_ends_with_failed_or_cancelled_job(tmp_path: Path, end: State) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        states = jobs_of(events(served, job.id))
        await anext(states)
        if end is State.FAILED:
            await served.ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "No.")})
        else:
            await served.ledger.operators.cancel([job.id], by="operator", reason="No.")
        assert [job["state"] async for job in states] == [end]


async def test_stream_sends_keep_alive_comments(tmp_path: Path) -> None:
    async with serving(tmp_path, keep_alive=0.01) as served:
        job = await served.accept("alice-1")
        stream = events(served, job.id)
        assert "\nevent: job\ndata: " in await anext(stream)
        assert [await anext(stream), await anext(stream)] == [": still here"] * 2


async def test_stream_is_neither_buffered_nor_cached(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        await served.ledger.operators.cancel([job.id], by="operator", reason="No.")
        reply = await served.fetch(f"/api/v1/jobs/{job.id}/events")
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        assert (reply.headers["Cache-Control"], reply.headers["X-Accel-Buffering"]) == ("no-store", "no")


async def test_stream_ends_when_its_client_disconnects(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:

    async with serving(tmp_path, keep_alive=0.01) as served:
        job = await served.accept("alice-1")
        stream = events(served, job.id)
        await anext(stream)
        await stream.aclose()
        await served.watched(job.id, 0)
        assert await served.context.in_flight.wait_none(20)
    assert complaints(caplog) == []


async def test_stream_ends_when_the_program_stops(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        stream = events(served, job.id)
        await anext(stream)
        served.ledger.changes.close()
        assert [event async for event in stream] == []


@pytest.mark.parametrize("path", ["/api/v1/jobs/none", "/api/v1/jobs/none?wait=5", "/api/v1/jobs/none/events"])
async def test_unknown_job_is_not_found(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path)
        assert (reply.status, reply.body["error_code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "refusal", "state"),
    [
        ("free-1", None, None),
        ("chain-1", EXISTS, None),
        ("alice-1", EXISTS, "queued"),
        ("lost-1", None, None),
        ("premium", ("premium_name", "Only cheap names allowed!"), None),
        ("1-digit", ("invalid_name", "Each part of the name must begin with a letter."), None),
        ("no%20name", ("invalid_name", FORBIDDEN), None),
    ],
)
async def test_availability_of_a_name(
    tmp_path: Path, name: str, refusal: tuple[str, str] | None, state: str | None
) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.names.save_page([("chain-1", "1.2.9")], "chain-1")
        await served.accept("alice-1")
        await served.ledger.operators.cancel([(await served.accept("lost-1")).id], by="operator", reason="No.")
        fetched = (await served.fetch(f"/api/v1/accounts/{name}")).body["account"]
        code, reason = refusal or (None, None)
        expected = {"available": refusal is None, "code": code, "reason": reason, "state": state}
        assert fetched == {"name": name.replace("%20", " "), **expected}


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
async def test_reconnect_to_ended_stream_is_204(tmp_path: Path, version: str) -> None:
    """An EventSource comes back when a stream has ended, unless it is answered 204."""

    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        first = await anext(events(served, job.id))
        await served.ledger.operators.cancel([job.id], by="operator", reason="No.")
        last = await anext(events(served, job.id))
        ids = [event.split("\n")[0].removeprefix("id: ") for event in (first, last)]
        ask = f"GET /api/v1/jobs/{job.id}/events {version}\r\nHost: x\r\nLast-Event-ID: "
        assert (await served.send(f"{ask}{ids[0]}\r\n\r\n".encode()))[0] == 200
        status, headers, _ = await served.send(f"{ask}{ids[1]}\r\n\r\n".encode())
        assert (status, "Content-Type" in headers) == (204, False)


async def test_reconnect_resumes_after_last_event(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        last = (await anext(events(served, job.id))).split("\n")[0].removeprefix("id: ")
        again = events(served, job.id, f"Last-Event-ID: {last}\r\n")
        assert await anext(again) == ": still here"
        await register(served.ledger, job)
        await wait_for_state(jobs_of(again), "registered")


@pytest.mark.parametrize("connection", ["", "Connection: keep-alive\r\n"])
async def test_http_1_0_stream_ends_by_closing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, connection: str
) -> None:

    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        reader, writer = await served.connect()
        writer.write(f"GET /api/v1/jobs/{job.id}/events HTTP/1.0\r\n{connection}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"keep-alive" not in head.lower()
        await served.ledger.operators.cancel([job.id], by="operator", reason="No.")
        assert b"cancelled" in await reader.read()
        writer.close()
    assert complaints(caplog) == []


async def events(served: Serving, job_id: str, headers: str = "") -> AsyncGenerator[str, None]:
    """The events and comments of the job's stream, as they come."""
    reader, writer = await served.connect()
    try:
        # HTTP/1.0 has no chunks, so that what comes is the stream itself.
        writer.write(f"GET /api/v1/jobs/{job_id}/events HTTP/1.0\r\nHost: x\r\n{headers}\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        while event := await _until_blank(reader):
            yield event
    finally:
        writer.close()


async def _until_blank(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\n\n")).decode().strip()
    except asyncio.IncompleteReadError:
        return ""


async def wait_for_state(stream: AsyncIterator[dict[str, Any]], state: str) -> None:
    """Return when the stream tells `state`; of moves that come together it may tell the last only."""
    async for job in stream:
        if job["state"] == state:
            return
    raise AssertionError(f"{state} was never sent")


async def jobs_of(stream: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """The jobs in the events of `stream`."""
    async for event in stream:
        number, kind, data = event.split("\n")
        assert (number[:4], kind) == ("id: ", "event: job")
        yield json.loads(data.removeprefix("data: "))["job"]
