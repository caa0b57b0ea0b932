"""What the runbook says is true: its commands run, its queries answer, its symptoms are those that are mailed."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import faucet
from jobs.config import keys
from jobs.ledger import Ledger
from jobs.model import ALERTS, Limits, Signup
from tests.documents import commands_of, serving, shell
from tests.program import ROOT, keys_of
from tests.serving import pay, register, settle
from tests.support import run

RUNBOOK = (ROOT / "docs/operations.md").read_text()
DOCUMENTS = RUNBOOK + (ROOT / "README.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", RUNBOOK, re.DOTALL)
NOW = 1_800_000_000

#: Part of the first row that each query must give, in the order of the document.
ANSWERS: list[tuple[Any, ...]] = [
    ("broadcast", 0),
    ("done", "1.2.1"),
    ("queued-1", 0),
    ("done", 2),
    ("rejected", "No spam, please.", 1),
    ("2027-01-15", 5, 2, 1),
    (0.0,),
    ("irreversible", 1002),
    ("2027-01-15", 2),
    ("ann", "pause", "intake", "Upgrade."),
]


async def fill(folder: Path) -> None:
    """A ledger with jobs in many states."""
    ledger = await Ledger.open(folder / "faucet.db", clock=lambda: NOW)
    limits = Limits(None, 0, 1000, "2.5")
    names = ("alice-1", "bob-1", "queued-1", "failed-1", "cancelled-1")
    jobs = [await ledger.accept(Signup(name, **keys_of(name)), limits) for name in names]
    for job in jobs[:2]:
        await register(ledger, job)
    await settle(ledger)
    for job in jobs[:2]:
        await pay(ledger, job)
    await settle(ledger)
    await ledger.fail_by_hand([jobs[3].id], by="ann", reason="No spam, please.")
    await ledger.cancel([jobs[4].id], by="ann", reason="Asked to.")
    await ledger.pause("intake", by="ann", reason="Upgrade.")
    await ledger.close()


def test_there_are_ten_queries() -> None:
    assert len(QUERIES) == len(ANSWERS) == 10


@pytest.mark.parametrize(("query", "answer"), list(zip(QUERIES, ANSWERS, strict=True)))
def test_query_answers(tmp_path: Path, query: str, answer: tuple[Any, ...]) -> None:
    run(fill(tmp_path))
    # Its "now" is the time that the jobs were made.
    asked = query.replace("'now'", f"{NOW}, 'unixepoch'")
    if "today" in query:
        asked = "SELECT coalesce(code, state), count(*) FROM jobs GROUP BY 1 ORDER BY 2 DESC;"
    with closing(sqlite3.connect(tmp_path / "faucet.db")) as connection:
        assert connection.execute(query.split(";", maxsplit=1)[0]).description
        row = connection.execute(asked.split(";")[0]).fetchone()
        for further in query.split(";")[1:]:
            connection.execute(further)
    assert set(answer) <= set(row)


def test_every_command_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path):
            for command in commands_of(RUNBOOK):
                code, output = await shell(command, tmp_path)
                assert code == 0, (command, output)

    run(scenario(), guard=120)


@pytest.mark.parametrize("name", [name for name, command in faucet.main.commands.items() if not command.hidden])
def test_every_command_is_told_of(name: str) -> None:
    assert f"faucet.py {name}" in DOCUMENTS


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_its_symptom(name: str) -> None:
    assert f'<a id="{name}"></a>\n### ' in RUNBOOK


def test_every_key_that_is_named_is_one() -> None:
    named = set(re.findall(r"`([a-z_]+):? ?[^`]*`", RUNBOOK))
    likely = {name for name in named if "_" in name and not name.startswith("faucet_")}
    codes = {"ledger_unavailable", "account_exists", "chain_refused", "unknown_account", "unknown_payment", "given_up",
             "other_account", "paid_twice", "not_there"}  # fmt: skip
    assert likely - codes <= keys().keys()
