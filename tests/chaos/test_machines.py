"""A short run on several machines: each kind of disturbance at least once, and the three records agree."""

from pathlib import Path

from tests.chaos.machines.run import MachinesRun
from tests.chaos.machines.schedule import FAILURES, KINDS, OF_STANDBY
from tests.chaos.machines.site import Scale

SEED = 17
SHORT = Scale(
    signups=300,
    disturbances=len(KINDS),
    clients=20,
    machine_pause=0.4,
    database_pause=4.0,
    chain_pause=1.0,
    block_interval=0.1,
    standby=True,
)


async def test_records_agree_after_chaos_on_three_machines(tmp_path: Path) -> None:
    outcome = await MachinesRun(tmp_path, seed=SEED, scale=SHORT).run()
    assert outcome.differences == []
    counts = outcome.counts
    assert counts["machines disturbed"] >= len(KINDS)
    assert all(counts[f"PostgreSQL: {name.replace('_', ' ')}"] for name in FAILURES + OF_STANDBY)
    assert counts["PostgreSQL: standby frozen, then promoted"] == 1
    assert counts["epochs"] > counts["epochs in which was written"] / 2 > 1
    assert counts["statements of owners"] > counts["statements of others"] == 0
    assert counts["signups posted"] == SHORT.signups
    assert counts["accounts on the chain"] == counts["initial balances on the chain"] > 0
