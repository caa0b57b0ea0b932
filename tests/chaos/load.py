"""Clients that sign up, come what may, and remember what they were told."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tornado.httpclient import HTTPClientError

from tests.chaos.schedule import Wish
from tests.harness.program import Faucet, Reply, keys_of

CLIENTS = 10  #: at the same time
ENDED = ("done", "failed", "cancelled")


@dataclass
class Told:
    """What one client was told."""

    wish: Wish
    keys: dict[str, str]
    jobs: set[str] = field(default_factory=set)  #: ids of the jobs that it was given, by replies with status 200
    exists: bool = False  #: it was told that the account exists
    surprises: list[str] = field(default_factory=list)  #: answers that nobody should get
    ends: dict[str, Any] = field(default_factory=dict)  #: each job as the faucet shows it in the end; None if not


class Load:
    """Signs up as fast as it is let."""

    def __init__(self, service: Faucet, wishes: Sequence[Wish]) -> None:
        self._service = service
        self._left: Iterator[Wish] = iter(wishes)
        self._names = [wish.name for wish in wishes]
        self._due = asyncio.Semaphore(0)
        self.serving = asyncio.Event()  #: the faucet listens, or did so a moment ago
        self.told: list[Told] = []

    def release(self, signups: int) -> None:
        """Let so many more be posted."""
        for _ in range(signups):
            self._due.release()

    def upcoming(self, offset: int) -> str:
        """The name that is signed up for after so many others."""
        return self._names[min(len(self.told) + offset, len(self._names) - 1)]

    async def run(self) -> None:
        """Return when every wish was posted."""
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(self._client())

    async def _client(self) -> None:
        for wish in self._left:  # the clients share it
            await self._due.acquire()
            told = Told(wish, keys_of(wish.name, wish.password))
            self.told.append(told)
            await asyncio.sleep(wish.pause)
            await self._sign_up(told)

    async def _sign_up(self, told: Told) -> None:
        answers = 0
        while answers < told.wish.posts:
            await self.serving.wait()
            reply = await self._post(told)
            if reply is not None and reply.status != 503:
                answers += 1
                _note(told, reply)
            elif not told.wish.patient:
                return

    async def _post(self, told: Told) -> Reply | None:
        """The reply; None where the connection was refused or lost."""
        body = msgspec.json.encode({"account": {"name": told.wish.name, **told.keys}})
        with contextlib.suppress(OSError, HTTPClientError):
            return await self._service.fetch("/api/v1/accounts", method="POST", body=body)
        await asyncio.sleep(0.05)  # who lost a connection tries again, but not at once
        return None

    async def see_ends(self) -> None:
        """Return when every job that a client was given has ended, or is not there."""
        left = iter(self.told)

        async def look() -> None:
            for told in left:
                for job_id in told.jobs:
                    told.ends[job_id] = await self.end(job_id)

        await asyncio.gather(*(look() for _ in range(CLIENTS)))

    async def end(self, job_id: str) -> Any:
        """The job once it has ended; None if the faucet doesn't know it."""
        path = f"/api/v1/jobs/{job_id}"
        while True:
            reply = await self._service.fetch(path)
            if reply.status != 200:
                return None
            if reply.body["job"]["state"] in ENDED:
                return reply.body["job"]
            await self._service.fetch(f"{path}?wait=5")


def _note(told: Told, reply: Reply) -> None:
    if reply.status == 200:
        told.jobs.add(reply.body["job"]["id"])
    elif (reply.status, reply.body["error_code"]) == (409, "account_exists"):
        told.exists = True
    else:
        told.surprises.append(f"{reply.status} {reply.body}")
