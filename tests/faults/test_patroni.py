"""The ledger in a PostgreSQL under Patroni, whose primary is switched over, is killed, or forgets its standby."""

import asyncio
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness.documents import sql_of
from tests.harness.engines import location_of, on_postgresql
from tests.harness.machines import Machine, check_totals, machines
from tests.harness.monitoring import expressions
from tests.harness.patroni import Cluster, needs_patroni, patroni
from tests.harness.program import ROOT, HttpReply, command, dev_chain, on_chain
from tests.harness.steady_signups import Fetch, steady_signups

(MARK,) = sql_of((ROOT / "docs/machines.md").read_text(), "restored_from")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """With a primary and its synchronous standby."""
    needs_patroni()
    with patroni() as made, on_postgresql(made):
        yield made


def in_turn(every: list[Machine]) -> Fetch:
    """Asks one after the other, as a load balancer does."""
    turns = itertools.cycle(every)

    async def fetch(path: str, **options: Any) -> HttpReply:
        return await next(turns).fetch(path, **options)

    return fetch


async def test_signups_outlive_a_switchover_and_a_dead_primary(cluster: Cluster, tmp_path: Path) -> None:
    """Nothing that was answered with 200 is lost, nothing registered or paid twice."""
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob") as every:
        balance = await chain.node.balance("1.2.7")
        async with steady_signups(in_turn(every)) as signups:
            await signups.more()
            await asyncio.to_thread(cluster.switch_over)
            await signups.more()
            old = await asyncio.to_thread(cluster.whole)
            old.kill()
            new = await asyncio.to_thread(cluster.primary)
            assert new is not old
            await signups.more()
        old.start()
        assert set(signups.statuses) <= {200, 503}
        assert signups.refusals <= {"ledger_unavailable"}
        await check_totals(tmp_path, chain, list(signups.jobs), balance)


async def test_forced_failover_pays_nobody_twice(cluster: Cluster, tmp_path: Path) -> None:
    """What the primary confirmed alone is not in the standby. Marked as a copy, that gets it back from the chain."""
    primary = await asyncio.to_thread(cluster.whole)
    (standby,) = (database for database in cluster.databases if database is not primary)
    async with dev_chain() as chain:
        balance = await chain.node.balance("1.2.7")
        async with machines(tmp_path, chain, "ann") as (ann,):
            await done(ann, "both-1", "both-2")
            standby.kill()
            await asyncio.to_thread(cluster.wait, lambda: "sync_standby" not in primary.roles().values())
            await done(ann, "alone-1", "alone-2")
        primary.kill()
        standby.start()
        await asyncio.to_thread(cluster.wait, lambda: standby.roles() == {standby.name: "replica"})
        await asyncio.to_thread(cluster.force, standby)
        with psycopg.connect(str(location_of(tmp_path)), autocommit=True) as shell:
            assert shell.execute("SELECT count(*) FROM jobs WHERE name LIKE 'alone-_'").fetchall() == [(0,)]
            shell.execute(MARK)
        async with machines(tmp_path, chain, "ann") as (ann,):
            code, output, _ = await command("reconcile", "--config", str(ann.config), "--rebuild")
            assert (code, output.splitlines()[-1].split(": ", 1)[1]) == (0, "0 differences, 4 recovered")
            await done(ann, "after-1")
            await check_totals(tmp_path, chain, ["both-1", "both-2", "alone-1", "alone-2", "after-1"], balance)
    primary.start()


async def done(machine: Machine, *names: str) -> None:
    """Sign up, and return when all are done."""
    for name in names:
        await machine.job((await machine.sign_up(name)).body["job"]["id"], until="done")


async def failures(folder: Path, cluster: Cluster) -> list[str]:
    """The lines of `check` that find fault with the ledger."""
    config = folder / "config.yaml"
    config.write_text(json.dumps(on_chain("ws://127.0.0.1:1", ledger=cluster.url())))
    _, output, _ = await command("check", "--config", str(config))
    assert "FAIL node" in output  # so it was read to the end
    return [line for line in output.splitlines() if line.startswith("FAIL ledger")]


async def test_asynchronous_mode_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """With `synchronous_mode` the same servers are fit."""
    await asyncio.to_thread(cluster.whole)
    assert await failures(tmp_path, cluster) == []
    cluster.configure(synchronous_mode=False)
    await asyncio.to_thread(cluster.whole, "replica")
    (sentence,) = await failures(tmp_path, cluster)
    assert re.search(r"a standby may take over \(db\d\), but synchronous_standby_names is empty", sentence)


def test_metrics_of_patroni_in_dashboard_and_rules_exist(cluster: Cluster) -> None:
    exported = set(re.findall(r"^# TYPE (\w+)", cluster.primary().metrics(), re.MULTILINE))
    used = set(re.findall(r"patroni_\w+", expressions()))
    assert used
    assert used <= exported
