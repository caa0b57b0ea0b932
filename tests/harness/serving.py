"""The HTTP side on a free port, with a real ledger and the chain status that a test sets."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient

from handlers.base import KEEP_ALIVE, AppContext
from handlers.server import bind, listen
from jobs.blocks.expirer import HELD
from jobs.chain_status import Snapshot
from jobs.ledger import Ledger
from jobs.model.chain import ChainStatus
from jobs.model.job import Job, Limits, Signup
from jobs.model.owner import Candidate
from jobs.model.transaction import BlockEffects, Kind, SignedTransaction, Transaction
from jobs.monitoring.metrics import Metrics
from jobs.settings import Settings
from tests.harness.engines import location_of
from tests.harness.program import HttpReply, keys_of

NOW = 1_800_000_000  #: seconds, the time of all tests of the HTTP side
CLIENT = {"X-Forwarded-For": "192.0.2.1"}  #: headers of a client that the address limit counts
CHAIN_STATUS = ChainStatus(
    chain_id="00" * 32,
    prefix="TEST",
    symbol="TEST",
    precision=5,
    registrar_id="1.2.7",
    balance=10_000_00000,
    fee=5_14941,
    transfer_fee=20000,
    registrar_member=True,
    public_key="TEST5bPp",
    key_matches=True,
    head_block=1_007,
    head_time=NOW - 2,
    irreversible_block=1_000,
    connected=True,
    node="wss://someone:secret@node.example:8090/path",
    stranger=False,
    assertion_fee=0,
    max_fee=10_29882,
    budget=2_500_00000,
    names_complete=True,
)


OWNER = Candidate("machine-1", "a process")
OWNED_FOR = 10.0**6  #: seconds, longer than any test


@dataclass
class Serving:
    """The application, listening."""

    context: AppContext
    port: int

    @property
    def ledger(self) -> Ledger:
        """Its ledger."""
        return self.context.ledger

    async def fetch(self, path: str, **options: Any) -> HttpReply:
        """The reply at `path`, JSON decoded where it is JSON, text else."""
        url = f"http://127.0.0.1:{self.port}{path}"
        response = await AsyncHTTPClient().fetch(url, raise_error=False, follow_redirects=False, **options)
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        body = msgspec.json.decode(response.body) if is_json and response.body else response.body.decode()
        return HttpReply(response.code, response.headers, body)

    async def sign_up(
        self, name: str, path: str = "/api/v1/accounts", *, referrer: str | None = None, **options: Any
    ) -> HttpReply:
        """Post a signup of `name` with keys made for it."""
        return await self.fetch(path, method="POST", body=signup_of(name, referrer=referrer), **options)

    async def job(self, name: str) -> Job:
        """The newest job of `name`."""
        return (await self.ledger.queries.jobs(name=name))[0]

    async def accept(self, name: str, initial_balance: str | None = None) -> Job:
        """A job in the ledger, without HTTP."""
        return await self.ledger.signups.accept(
            Signup(name, **keys_of(name)), Limits(1000, initial_balance=initial_balance)
        )

    async def see(self, chain_status: ChainStatus | None = None, **changes: Any) -> None:
        """Publish `chain_status`, or CHAIN_STATUS with `changes`."""
        await self.ledger.chain_status.save(chain_status or replace(CHAIN_STATUS, **changes))
        await self.context.snapshot.refresh()

    async def watched(self, job_id: str, count: int = 1) -> None:
        """Return when `count` requests wait for the job to move."""
        while len(self.ledger.changes.watched(job_id)) != count:
            await turn()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw TCP connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """The reply to the bytes of `request`, read to the end of its body: status, headers, body."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await read_reply(reader)
        finally:
            writer.close()


def signup_of(name: str, **fields: Any) -> bytes:
    """The body that a wallet posts to sign `name` up, with keys made for it."""
    return msgspec.json.encode({"account": {"name": name, **keys_of(name), **fields}})


async def waiting_job(served: Serving, name: str) -> Job:
    """The job of `name`, once a request waits for it."""
    while not await served.ledger.queries.jobs(name=name):
        await turn()
    job = await served.job(name)
    await served.watched(job.id)
    return job


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The records of warnings and errors, but for asyncio's warnings of slow callbacks."""
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    return [record.getMessage() for record in records if not record.getMessage().startswith("Executing ")]


async def turn() -> None:
    """Let every other ready callback run once."""
    await asyncio.sleep(0)


async def read_reply(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One reply of a connection: status, headers, body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, await reader.readexactly(int(headers.get("Content-Length", "0")))


@contextlib.asynccontextmanager
async def serving(
    folder: Path,
    *,
    clock: Callable[[], float] = lambda: NOW,
    keep_alive: float = KEEP_ALIVE,
    answer_wait: float = 0,
    chain_status: ChainStatus = CHAIN_STATUS,
    owner: Candidate | None = OWNER,
    **settings: Any,
) -> AsyncIterator[Serving]:
    """The application with `chain_status` published, until the block ends."""
    ledger = await Ledger.open(location_of(folder), clock=clock)
    snapshot = Snapshot(ledger)
    # The client has gone.
    options: dict[str, Any] = {"clock": clock, "keep_alive": keep_alive, "answer_wait": answer_wait}
    context = AppContext(Settings(**settings), ledger, snapshot, Metrics(), **options)
    listener = bind("127.0.0.1", 0)
    server = listen(context, listener)
    served = Serving(context, listener.getsockname()[1])
    try:
        if owner is not None:
            await ledger.lease.acquire(owner, OWNED_FOR)
        await served.see(chain_status)
        yield served
    finally:
        server.stop()
        ledger.changes.close()
        await server.close_all_connections()
        await ledger.close()


async def broadcast(ledger: Ledger, job: Job) -> Transaction:
    """Sign a registration of `job`."""
    return await _sign(ledger, job, Kind.REGISTRATION)


async def register(ledger: Ledger, job: Job) -> None:
    """Put the account of `job` in a block, as account 1.2.NUMBER."""
    transaction = await broadcast(ledger, job)
    await _follow(ledger, 1_000 + job.number, transaction, f"1.2.{job.number}")


async def settle(ledger: Ledger) -> None:
    """Make every block so far irreversible."""
    for transaction in await ledger.blocks.unfinalized(10_000):
        await ledger.blocks.finalize([(transaction, [f"1.2.{job}" for job in transaction.jobs])])


async def pay(ledger: Ledger, job: Job) -> None:
    """Put the initial balance of the registered `job` in a block."""
    transfer = await _sign(ledger, job, Kind.FUNDING)
    await _follow(ledger, 1_500 + job.number, transfer, None)


async def hold(ledger: Ledger, job: Job) -> Transaction:
    """Register `job`, and let an operator decide whether its initial balance was paid."""
    await register(ledger, job)
    transfer = await _sign(ledger, job, Kind.FUNDING)
    await ledger.expiry.hold([transfer], HELD)
    return transfer


async def _sign(ledger: Ledger, job: Job, kind: Kind) -> Transaction:
    signature = f"{kind} of {job.number}"
    signed = SignedTransaction(kind, f"{job.number:040x}", signature, "{}", 1_000, NOW + 60, (job.number,), (1,))
    (transaction,) = await ledger.drain.record_signed([signed])
    return transaction


async def _follow(ledger: Ledger, number: int, transaction: Transaction, result: str | None) -> None:
    await ledger.blocks.follow([BlockEffects(number, f"{number:040x}", {transaction.signature: (result,)}, ())], 1_000)
