"""Clients that sign up one name after another, wait for each account, and repeat what was not answered with 200."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tornado.httpclient import HTTPClientError

from chain.cancellation import end_tasks
from tests.harness.program import HttpReply, keys_of

#: Asks for a path, at whoever answers, with the options of Faucet.fetch.
Fetch = Callable[..., Awaitable[HttpReply]]
WAIT = "wait=1"  #: how long a reply is held for the account
PAUSE = 0.1  #: seconds until a client repeats what was not answered
LOST = 0  #: the status of a reply that did not come


@dataclass
class SteadySignups:
    """What the clients sent, and what they were answered."""

    fetch: Fetch
    prefix: str = "steady"
    jobs: dict[str, str] = field(default_factory=dict)  #: id by name, of signups that were answered with 200
    statuses: Counter[int] = field(default_factory=Counter)  #: of all replies to signups
    refusals: set[str] = field(default_factory=set)  #: error codes
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _accepted: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, clients: int) -> None:
        """Sign up with so many clients until `stopping`; no signup is left without a 200."""
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client())

    async def _client(self) -> None:
        while not self.stopping.is_set():
            name = f"{self.prefix}-{next(self._numbers)}"
            self.jobs[name] = await self._sign_up(name)
            self._accepted.set()
            await self._try(f"/api/v1/jobs/{self.jobs[name]}?{WAIT}")  # so that the chain sets the pace

    async def _sign_up(self, name: str) -> str:
        body = msgspec.json.encode({"account": {"name": name, **keys_of(name)}})
        while True:
            reply = await self._try("/api/v1/accounts", method="POST", body=body)
            self.statuses[LOST if reply is None else reply.status] += 1
            if reply is not None and reply.status == 200:
                return str(reply.body["job"]["id"])
            if reply is not None:
                self.refusals.add(reply.body["error_code"])
            await asyncio.sleep(PAUSE)  # as a client does

    async def _try(self, path: str, **options: Any) -> HttpReply | None:
        try:
            return await self.fetch(path, **options)
        except (OSError, HTTPClientError):
            return None

    async def more(self, count: int = 10) -> None:
        """Return when so many more were accepted."""
        enough = len(self.jobs) + count
        while len(self.jobs) < enough:
            self._accepted.clear()
            await self._accepted.wait()

    async def done(self) -> None:
        """Return when all of them are done."""
        await asyncio.gather(*(self._done(job) for job in self.jobs.values()))

    async def _done(self, job: str) -> None:
        while True:
            reply = await self._try(f"/api/v1/jobs/{job}?{WAIT}")
            if reply is not None and reply.status == 200 and reply.body["job"]["state"] == "done":
                return


@asynccontextmanager
async def steady_signups(fetch: Fetch, *, clients: int = 4) -> AsyncIterator[SteadySignups]:
    """Clients that sign up during the block; at its end, all their signups are done."""
    signups = SteadySignups(fetch)
    running = asyncio.create_task(signups.run(clients))
    try:
        yield signups
        signups.stopping.set()
        await running
    finally:
        await end_tasks([running])
    await signups.done()
