"""The short form of the chaos run: everything goes wrong for a while, and the three books agree."""

from pathlib import Path

from tests.chaos.run import Run
from tests.support import run

SEED, KILLS, SIGNUPS = 7, 6, 300


def test_books_agree_after_chaos(tmp_path: Path) -> None:
    outcome = run(Run(tmp_path, seed=SEED, kills=KILLS, signups=SIGNUPS).run(), guard=300)
    assert outcome.differences == []
    assert outcome.counts["killed"] >= KILLS
    assert outcome.counts["signups posted"] == SIGNUPS
    assert outcome.counts["accounts on the chain"] == outcome.counts["initial balances on the chain"] > 0
