"""A short chaos run: everything goes wrong for a while, and the three records agree."""

from pathlib import Path

import pytest

from tests.chaos.run import Run

SEED, KILLS, SIGNUPS = 7, 6, 300


@pytest.mark.parametrize("lies", [False, True], ids=["own node", "lying node and an honest one"])
async def test_records_agree_after_chaos(tmp_path: Path, *, lies: bool) -> None:
    outcome = await Run(tmp_path, seed=SEED, kills=KILLS, signups=SIGNUPS, lies=lies).run()
    assert outcome.differences == []
    assert outcome.counts["killed"] >= KILLS
    assert outcome.counts["signups posted"] == SIGNUPS
    assert outcome.counts["accounts on the chain"] == outcome.counts["initial balances on the chain"] > 0
