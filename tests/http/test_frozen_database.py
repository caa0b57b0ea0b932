"""A PostgreSQL that stands still, as its machine may: every reply comes within eight seconds, and nothing piles up."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from handlers.admin.tokens import random_id
from jobs.errors import Code
from jobs.ledger.signups import MAX_GROUP
from jobs.model.job import Limits
from tests.harness import postgresql
from tests.harness.engines import on_postgresql
from tests.harness.ledgers import code_of, signup, submitted
from tests.harness.operators import HASH
from tests.harness.serving import Serving, serving, signup_of

DEADLINE = 8.0  #: seconds until any reply
ROOMY = Limits(queue=10_000)
#: What is served without a look at the ledger.
ALWAYS = ("/healthz", "/api/v1/chain", "/static/style.css")


def paths_of(job_id: str) -> list[str]:
    """One of each address that reads or writes the ledger."""
    job = f"/api/v1/jobs/{job_id}"
    return ["/", "/status", "/readyz", "/healthz/intake", "/metrics", "/api/v1/accounts/free-1", job, f"/jobs/{job_id}"]


async def timed(served: Serving, request: bytes) -> tuple[int, dict[str, str], float]:
    """Status and headers of the reply, and the seconds until it came."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    status, headers, _ = await served.send(request)
    return status, headers, loop.time() - began


def get(path: str, cookie: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode()


def post(name: str, path: str = "/api/v1/accounts") -> bytes:
    body = signup_of(name)
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def ask_all(served: Serving, job_id: str, name: str, within: float = DEADLINE) -> None:
    """Ask for everything at once; each reply comes in time, and says what to do if it can't be given."""
    requests = {path: get(path) for path in paths_of(job_id)}
    requests |= {
        "signup": post(name),
        "dry run": post(name, "/faucet?dry_run=1"),
        "referrer": post(name, "/bob/api/v1/accounts"),
    }
    requests["operator"] = get("/admin", f"faucet_session={random_id()}")
    replies = dict(
        zip(requests, await asyncio.gather(*(timed(served, each) for each in requests.values())), strict=True)
    )
    assert {what: took for what, (_, _, took) in replies.items() if took > within} == {}
    # The front page says why nobody can register.
    statuses = {what: status for what, (status, _, _) in replies.items()}
    assert statuses == dict.fromkeys(requests, 503) | {"/": 200}
    silent = {what for what, (_, headers, _) in replies.items() if "Retry-After" not in headers}
    assert silent == {"/", "/readyz"}


async def serves_at_once(served: Serving) -> None:
    """What needs no ledger is answered at once, since nothing blocks the event loop."""
    for path in ALWAYS:
        status, _, took = await timed(served, get(path))
        assert (status, took < 1) == (200, True)


@asynccontextmanager
async def served_from(server: postgresql.Server, folder: Path) -> AsyncIterator[Serving]:
    with on_postgresql(server):
        async with serving(folder, clock=time.time, admin_password_hash=HASH) as served:
            yield served


@pytest.fixture
def own() -> Iterator[postgresql.Server]:
    """A server that a test may freeze."""
    with postgresql.serving() as server:
        yield server


async def test_every_reply_comes_within_eight_seconds(own: postgresql.Server, tmp_path: Path) -> None:
    async with served_from(own, tmp_path) as served:
        job = await served.accept("before-1")
        with own.frozen():
            asking = asyncio.create_task(ask_all(served, job.id, "during-1"))
            await serves_at_once(served)
            threads = threading.active_count()
            await asking
            for _ in range(3):
                await asyncio.gather(ask_all(served, job.id, "during-1", within=DEADLINE / 2), serves_at_once(served))
            assert threading.active_count() <= threads
        while (await served.fetch("/healthz/intake")).status != 200:
            """Asking is the waiting, as a balancer does."""
        replies = [await served.sign_up("during-1") for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 200]
        assert [job.signup.name for job in await served.ledger.queries.jobs()].count("during-1") == 1


async def test_crowd_is_answered_in_time_and_accepted_once(own: postgresql.Server, tmp_path: Path) -> None:
    """Groups that wait for their commit do not wait one after the other."""
    crowd = [signup(f"crowd-{number}") for number in range(4 * MAX_GROUP)]
    async with served_from(own, tmp_path) as served:
        await served.accept("before-1")
        loop = asyncio.get_running_loop()
        with own.frozen():
            began = loop.time()
            futures = [submitted(served.ledger, each, ROOMY) for each in crowd]
            codes = set(await asyncio.gather(*(code_of(future) for future in futures)))
            assert (codes, loop.time() - began < DEADLINE) == ({Code.LEDGER_UNAVAILABLE}, True)
        while (await served.fetch("/healthz/intake")).status != 200:
            """Asking is the waiting, as a balancer does."""
        for _ in range(2):
            await asyncio.gather(*(submitted(served.ledger, each, ROOMY) for each in crowd))
        assert len(await served.ledger.queries.jobs(limit=10_000)) == len(crowd) + 1


async def test_end_does_not_wait_for_a_database_that_stands_still(own: postgresql.Server, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with served_from(own, tmp_path) as served:
        await served.accept("before-1")
        with own.frozen():
            asking = asyncio.create_task(code_of(served.ledger.queries.counts()))
            began = loop.time()
            await served.ledger.close()
            assert loop.time() - began < 2 * DEADLINE
            assert await asking is Code.LEDGER_UNAVAILABLE
