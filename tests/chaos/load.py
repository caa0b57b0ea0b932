"""Clients that sign up whatever goes wrong, and record the replies."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from tornado.httpclient import HTTPClientError

from tests.chaos.schedule import Wish
from tests.harness.program import HttpReply, keys_of

CLIENTS = 10  #: at the same time: one address may hold no more than fifty replies
ENDED = ("done", "failed", "cancelled")


@dataclass
class ClientRecord:
    """The replies that one client got."""

    wish: Wish
    keys: dict[str, str]
    jobs: set[str] = field(default_factory=set)  #: ids of jobs, from replies with status 200
    exists: bool = False  #: a reply said that the account exists
    surprises: list[str] = field(default_factory=list)  #: replies that should not occur
    ends: dict[str, Any] = field(default_factory=dict)  #: the final state of each job by the API; None if unknown


class Service(Protocol):
    """What is signed up at: a faucet, or several of them."""

    async def fetch(self, path: str, *, method: str = "GET", body: bytes = b"") -> HttpReply:
        """The reply at `path`. Raises OSError or HTTPClientError where there is none."""


class Load:
    """Posts signups as fast as it is allowed to."""

    def __init__(self, service: Service, wishes: Sequence[Wish], *, clients: int = CLIENTS) -> None:
        """`clients` post at the same time."""
        self._service = service
        self._at_once = clients
        self._left: Iterator[Wish] = iter(wishes)
        self._names = [wish.name for wish in wishes]
        self._due = asyncio.Semaphore(0)
        self.serving = asyncio.Event()  #: the faucet listens, or did so a moment ago
        self.clients: list[ClientRecord] = []

    def release(self, signups: int) -> None:
        """Allow `signups` more posts."""
        for _ in range(signups):
            self._due.release()

    def upcoming(self, offset: int) -> str:
        """The name that is posted after `offset` others."""
        return self._names[min(len(self.clients) + offset, len(self._names) - 1)]

    async def run(self) -> None:
        """Return when every wish has been posted."""
        async with asyncio.TaskGroup() as clients:
            for _ in range(self._at_once):
                clients.create_task(self._client())

    async def _client(self) -> None:
        for wish in self._left:  # the clients share it
            await self._due.acquire()
            client = ClientRecord(wish, keys_of(wish.name, wish.password))
            self.clients.append(client)
            await asyncio.sleep(wish.pause)
            await self._sign_up(client)

    async def _sign_up(self, client: ClientRecord) -> None:
        answers = 0
        while answers < client.wish.posts:
            await self.serving.wait()
            reply = await self._post(client)
            if reply is not None and reply.status != 503:
                answers += 1
                _record_reply(client, reply)
            elif not client.wish.patient:
                return

    async def _post(self, client: ClientRecord) -> HttpReply | None:
        """The reply; None where the connection was refused or lost."""
        body = msgspec.json.encode({"account": {"name": client.wish.name, **client.keys}})
        with contextlib.suppress(OSError, HTTPClientError):
            return await self._service.fetch("/api/v1/accounts", method="POST", body=body)
        await asyncio.sleep(0.05)  # clients do not retry at once
        return None

    async def collect_ends(self) -> None:
        """Return when every job that a client knows has ended or is unknown to the faucet."""
        left = iter(self.clients)

        async def collect() -> None:
            for client in left:
                for job_id in client.jobs:
                    client.ends[job_id] = await self.end(job_id)

        await asyncio.gather(*(collect() for _ in range(CLIENTS)))

    async def end(self, job_id: str) -> Any:
        """The job once it has ended; None if the faucet does not know it."""
        path = f"/api/v1/jobs/{job_id}"
        while True:
            reply = await self._service.fetch(path)
            if reply.status != 200:
                return None
            if reply.body["job"]["state"] in ENDED:
                return reply.body["job"]
            await self._service.fetch(f"{path}?wait=5")


def _record_reply(client: ClientRecord, reply: HttpReply) -> None:
    if reply.status == 200:
        client.jobs.add(reply.body["job"]["id"])
    elif (reply.status, reply.body["error_code"]) == (409, "account_exists"):
        client.exists = True
    else:
        client.surprises.append(f"{reply.status} {reply.body}")
