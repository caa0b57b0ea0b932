"""The alert that nobody owns the chain, and its mail: of whoever sees it first, though there is no owner to send it."""

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.chain_status import Snapshot
from jobs.conditions import LedgerStatus, conditions
from jobs.conditions.operating import OWNERLESS_AFTER
from jobs.ledger import Ledger
from jobs.model.chain import ChainStatus
from jobs.model.owner import Holder
from jobs.monitoring.alerts import RESOLVE_AFTER, Alerts
from jobs.monitoring.owner_watch import OwnerWatch
from jobs.settings import Settings
from tests.harness.ledgers import Clock, opened
from tests.harness.mailserver import mail_server
from tests.harness.serving import OWNER

HOLDER = Holder(7, "ann", "a process", 2_000)


def evaluated(holder: Holder | None, since: int | None, now: float) -> tuple[bool, str] | None:
    ledger = LedgerStatus(holder=holder, ownerless_since=since)
    found = {each.name: each for each in conditions(ChainStatus(), Settings(), now, ledger)}
    return (found["owner"].ok, found["owner"].text) if "owner" in found else None


def test_condition_says_who_owns_the_chain() -> None:
    assert evaluated(HOLDER, None, 1.0) == (True, "ann owns the chain, epoch 7")


def test_condition_is_not_known_where_nobody_looked() -> None:
    assert evaluated(None, None, 1.0) is None


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (OWNERLESS_AFTER, True), (OWNERLESS_AFTER + 1, False)])
def test_chain_without_an_owner_for_long_is_a_failure(seconds: int, *, ok: bool) -> None:
    result = evaluated(replace(HOLDER, owner=None, process=None), 2_000, 2.0 + seconds)
    assert result is not None
    assert result[0] is ok
    assert result[1].startswith("No process has owned the chain for ")


async def seen(ledger: Ledger) -> Snapshot:
    snapshot = Snapshot(ledger)
    await snapshot.refresh()
    return snapshot


def since(snapshot: Snapshot) -> int | None:
    return snapshot.ownerless_since


async def test_snapshot_shows_since_when_nobody_owns_the_chain(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        snapshot = await seen(ledger)
        began = int(clock.now * 1000)
        assert since(snapshot) == began
        clock.now += 5
        await snapshot.refresh()
        assert since(snapshot) == began
        await ledger.lease.acquire(OWNER, 10)
        await snapshot.refresh()
        assert since(snapshot) is None
        assert vars(snapshot)["holder"] == await ledger.lease.holder()
        clock.now += 10
        await snapshot.refresh()
        assert since(snapshot) == began + 15_000


async def test_one_of_several_processes_mails_it(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger, mail_server() as server:
        settings = Settings(admins=("ops@example.com",), mail_host=f"127.0.0.1:{server.port}", mail_tls="none")
        snapshots = [await seen(ledger) for _ in range(2)]
        watches = [OwnerWatch(settings, ledger, snapshot, clock=clock) for snapshot in snapshots]
        for seconds in (OWNERLESS_AFTER, 1, 5, 5):
            clock.now += seconds
            for watch in watches:
                await watch.look()
        (alert,) = await ledger.outbox.alerts()
        assert alert.name == "owner"
        assert server.box.subjects == ["Faucet faucet: no process owns the chain"]


async def test_next_owner_ends_the_alert(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        watch = OwnerWatch(Settings(), ledger, await seen(ledger), clock=clock)
        clock.now += OWNERLESS_AFTER + 1
        await watch.look()
        epoch = await ledger.lease.acquire(OWNER, 10)
        assert epoch is not None
        clock.now += RESOLVE_AFTER
        await Alerts(Settings(), ledger.as_owner(epoch), wake=lambda: None, clock=clock).evaluate_once()
        assert "owner" not in {alert.name for alert in await ledger.outbox.alerts()}
