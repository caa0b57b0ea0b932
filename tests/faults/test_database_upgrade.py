"""Machines are upgraded one after the other, under load: the first new one migrates the ledger under the old ones."""

import asyncio
import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError

from jobs.ledger.postgresql.database import CURRENT, MIGRATIONS_FOLDER
from tests.harness.machines import Machine, check_totals, done, machines, taken
from tests.harness.program import command, dev_chain

pytestmark = pytest.mark.usefixtures("every_flavour", "databases")

LEASE = 2.0  #: seconds
CLIENTS = 3
HELD = "/api/v1/accounts?wait=1"  #: the reply waits for the account, so that a client does not pile up signups
#: What the later release adds, as every release may: nothing that this one needs is gone.
MIGRATION = """
    ALTER TABLE jobs ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';
    CREATE INDEX jobs_by_colour ON jobs (colour, number);
    ALTER TABLE transactions ADD COLUMN shape TEXT
"""
UPGRADE = f"the ledger has version {CURRENT + 1}, this program knows up to {CURRENT}: upgrade it"


class Clients:
    """Sign up all the time, at the next machine where one gives no account."""

    def __init__(self, every: Sequence[Machine]) -> None:
        self._every = every
        self._stopping = False
        self.jobs: dict[str, str] = {}
        self.statuses: set[int] = set()
        self.accepted = asyncio.Event()  #: one more signup

    async def run(self, client: int) -> None:
        """Sign up until stopped."""
        for number in itertools.count():
            if self._stopping:
                return
            await self._sign_up(f"load-{client}-{number}")

    async def _sign_up(self, name: str) -> None:
        for machine in itertools.cycle(self._every):
            try:
                reply = await machine.sign_up(name, HELD)
            except (OSError, HTTPClientError):  # it is being replaced: a balancer goes on to the next one
                continue
            self.statuses.add(reply.status)
            if reply.status == 200:
                self.jobs[name] = reply.body["job"]["id"]
                self.accepted.set()
                return

    async def accepted_more(self) -> None:
        """Return once they were accepted since."""
        self.accepted.clear()
        await self.accepted.wait()

    def stop(self) -> None:
        """Let `run` return after the signup in hand."""
        self._stopping = True


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """The later release's migrations."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS_FOLDER, folder)
    (folder / f"{CURRENT + 1}.sql").write_text(MIGRATION)
    return folder


async def check_left(machine: Machine, job: str) -> None:
    """Check that a machine of the old release reads, writes nothing, and tells a balancer."""
    assert (await machine.fetch("/healthz/intake")).body["error_code"] == "ledger_unavailable"
    assert UPGRADE in (await machine.fetch("/readyz")).body["checks"]["ledger"]["text"]
    for path in (f"/api/v1/jobs/{job}", "/api/v1/accounts/free-1", "/", "/status"):
        assert (await machine.fetch(path)).status == 200
    refused = await machine.sign_up("refused-1")
    assert (refused.status, refused.body["error_code"], "Retry-After" in refused.headers) == (
        503, "ledger_unavailable", True,
    )  # fmt: skip


async def test_rolling_upgrade_loses_nothing(tmp_path: Path, migrations: Path) -> None:
    newer = ("tests/harness/newer_faucet.py", str(migrations))
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", "cyd", lease_seconds=LEASE) as every:
        balance, (ann, bob, cyd) = await chain.node.balance("1.2.7"), every
        clients = Clients(every)
        signing_up = [asyncio.create_task(clients.run(number)) for number in range(CLIENTS)]
        await clients.accepted_more()
        job = next(iter(clients.jobs.values()))
        left = [ann, cyd]
        for machine in (bob, cyd, ann):
            assert await machine.stop() == 0
            await machine.start(script=newer)
            await taken(machine)
            left = [each for each in left if each is not machine]
            await asyncio.gather(*(check_left(each, job) for each in left))
            await clients.accepted_more()
        clients.stop()
        await asyncio.gather(*signing_up)
        assert clients.statuses <= {200, 503}
        await done(bob, list(clients.jobs.values()))
        await check_totals(tmp_path, chain, list(clients.jobs), balance)
        code, _, errors = await command("serve", "--config", str(ann.config), "--port", "0")
        assert (code, UPGRADE in errors) == (1, True)
