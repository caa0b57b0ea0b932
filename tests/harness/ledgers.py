"""Ledgers for tests, in the engine that is in force."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.ledger.responses import respond
from jobs.model.job import Job, Limits, Signup
from jobs.model.transaction import BlockEffects, Kind, SignedTransaction, Transaction
from jobs.ways.networks import network_quotas
from tests.harness.engines import Shell, location_of
from tests.harness.program import keys_of

START = 1_700_000_000.0
KEYS = keys_of("any")
FREE = Limits(queue=1000)


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


async def open_ledger(folder: Path, clock: Callable[[], float] | None = None) -> Ledger:
    """The ledger in `folder`; several may have it open at once."""
    return await Ledger.open(location_of(folder), clock=clock or Clock())


@asynccontextmanager
async def opened(folder: Path, clock: Callable[[], float] | None = None) -> AsyncIterator[Ledger]:
    """The ledger in `folder`, closed at the end of the block."""
    ledger = await open_ledger(folder, clock)
    try:
        yield ledger
    finally:
        await ledger.close()


def signup(name: str, password: str = "any", **changes: Any) -> Signup:
    return Signup(name, **keys_of("any", password), **changes)


def from_address(address: str, interval: int = 300) -> Limits:
    return Limits(queue=1000, quotas=network_quotas(address, interval, ()))


async def code_of(attempt: Any) -> Code | None:
    """The code that `attempt` fails with."""
    try:
        await attempt
    except FaucetError as error:
        return error.code
    return None


def signed_transaction(
    kind: Kind, jobs: Sequence[Job], tag: str, *, expiration: int = 100, reference: int = 0
) -> SignedTransaction:
    numbers = tuple(job.number for job in jobs)
    return SignedTransaction(kind, f"id-{tag}", f"sig-{tag}", "{}", reference, expiration, numbers, (5,) * len(numbers))


def block(number: int, *transactions: Transaction, accounts: tuple[tuple[str, str], ...] = ()) -> BlockEffects:
    results: dict[str, tuple[str | None, ...]] = {
        entry.signature: tuple(f"1.2.{100 + job}" for job in entry.jobs) for entry in transactions
    }
    return BlockEffects(number, f"{number:040}", results, accounts)


def raw(folder: Path, sql: str) -> list[Any]:
    """Rows as another process reads them from the ledger."""
    with closing(Shell(folder)) as shell:
        return shell.rows(sql)


def submitted(ledger: Ledger, signup: Signup, limits: Limits) -> asyncio.Future[Job]:
    """The future result of a signup that waits for its commit when this returns."""
    response: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
    ledger.signups.submit(signup, limits, partial(respond, response))
    return response
