"""The runbook is true: its commands run, its queries answer, what it names exists."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import click
import pytest

import faucet
from jobs.blocks.reconcile import Disagreement
from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.job import Limits, Signup
from jobs.monitoring.alerts import ALERTS
from jobs.settings import keys
from tests.harness.documents import commands_of, serving, shell
from tests.harness.program import ROOT, keys_of
from tests.harness.serving import pay, register, settle
from tests.harness.serving import serving as serving_http

RUNBOOK = (ROOT / "docs/operations.md").read_text()
DOCUMENTS = RUNBOOK + (ROOT / "README.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", RUNBOOK, re.DOTALL)
PROSE = " ".join(re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL).split())  # without the blocks
RULES = (ROOT / "deploy/prometheus/alerts.yml").read_text()
#: The texts of the program, on one line.
SENTENCES = " ".join(
    " ".join(file.read_text().split())
    for folder in ("chain", "commands", "devchain", "handlers", "jobs", "templates")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in {".py", ".html"}
)

#: Noon of tomorrow, which the queries take for now: no midnight comes in between, whenever they run.
NOON = (time.time() // 86_400 + 1) * 86_400 + 43_200
DATE = time.strftime("%Y-%m-%d", time.gmtime(NOON))

#: How the first row of each query begins, in the order of the document.
ANSWERS: list[tuple[Any, ...]] = [
    ("broadcast", 0),
    ("job-1", "done", "1.2.1", None, None, f"{DATE} 12:00:00"),
    ("job-3", "queued-1", 0),
    ("done", 2),
    ("rejected", "No spam, please.", 1),
    (DATE, 5, 2, 1),
    (30.0, 30.0),
    (f"{2:040x}", "irreversible", 1002),
    (DATE, "registration", 2, 2),
    (f"{DATE} 12:00", "ann", "pause", "intake", "Upgrade."),
]


async def fill(folder: Path) -> None:
    """A ledger with jobs in many states."""
    now, numbers = NOON, count(1)
    ledger = await Ledger.open(folder / "faucet.db", clock=lambda: now, random_id=lambda: f"job-{next(numbers)}")
    limits = Limits(1000, initial_balance="2.5")
    names = ("alice-1", "bob-1", "queued-1", "failed-1", "cancelled-1")
    jobs = [await ledger.signups.accept(Signup(name, **keys_of(name)), limits) for name in names]
    now += 30
    for step in (register, pay):
        for job in jobs[:2]:
            await step(ledger, job)
        await settle(ledger)
    await ledger.operators.fail([jobs[3].id], by="ann", reason="No spam, please.")
    await ledger.operators.cancel([jobs[4].id], by="ann", reason="Asked to.")
    await ledger.operators.pause("intake", by="ann", reason="Upgrade.")
    await ledger.close()


def test_runbook_has_ten_queries() -> None:
    assert len(QUERIES) == len(ANSWERS) == 10


@pytest.mark.parametrize(("query", "answer"), list(zip(QUERIES, ANSWERS, strict=True)))
async def test_query_in_the_runbook_answers(tmp_path: Path, query: str, answer: tuple[Any, ...]) -> None:
    await fill(tmp_path)
    with closing(sqlite3.connect(f"file:{tmp_path / 'faucet.db'}?mode=ro", uri=True)) as connection:
        row = connection.execute(query).fetchone()
    assert row[: len(answer)] == answer


async def test_commands_in_the_runbook_run(tmp_path: Path) -> None:
    async with serving(tmp_path):
        await shell(".venv/bin/python faucet.py signup alice-1 --password secret", tmp_path)
        for command in commands_of(RUNBOOK):
            code, output = await shell(command, tmp_path)
            assert code == 0, (command, output)


def mentions() -> Iterator[tuple[str, list[str]]]:
    """Each command that a document names, with its options."""
    for name, rest in re.findall(r"faucet\.py ([a-z][a-z-]*)([^`\n|]*)", DOCUMENTS):
        yield name, re.findall(r"--[a-z-]+", rest.partition("#")[0])


@pytest.mark.parametrize(("name", "options"), list(mentions()))
def test_documents_name_real_commands_and_options(name: str, options: list[str]) -> None:
    command = faucet.main.commands[name]
    known = {option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts}
    assert set(options) <= known


@pytest.mark.parametrize("name", [name for name, command in faucet.main.commands.items() if not command.hidden])
def test_every_command_is_documented(name: str) -> None:
    assert name in dict(mentions())


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_its_symptom_in_the_runbook(name: str) -> None:
    assert f'<a id="{name}"></a>\n### ' in RUNBOOK


@pytest.mark.parametrize("name", re.findall(r"alert: (\w+)", RULES))
def test_every_prometheus_alert_is_in_the_runbook(name: str) -> None:
    assert f"`{name}`" in RUNBOOK


def test_links_in_the_runbook_have_targets() -> None:
    headings = {re.sub(r"[^\w -]", "", title).replace(" ", "-").lower() for title in re.findall(r"#+ (.*)", RUNBOOK)}
    anchors = headings | set(re.findall(r'<a id="(\w+)">', RUNBOOK))
    linked = re.findall(r"\]\(#([^)]+)\)", RUNBOOK) + re.findall(r"operations\.md#(\w+)", RULES)
    assert linked
    assert not set(linked) - anchors


async def test_every_readiness_check_is_in_the_runbook(tmp_path: Path) -> None:
    async with serving_http(tmp_path) as served:
        checks = (await served.fetch("/readyz")).body["checks"]
        rows = re.findall(r"^\| (`.*?) \| \[", RUNBOOK, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", " ".join(rows))) == checks.keys()


async def test_documented_metrics_are_exported(tmp_path: Path) -> None:
    async with serving_http(tmp_path) as served:
        exported = re.findall(r"^# TYPE (\w+)", (await served.fetch("/metrics")).body, re.MULTILINE)
        assert set(re.findall(r"`(faucet_\w+)", RUNBOOK)) - set(exported) == set()


@pytest.mark.parametrize("sentence", re.findall(r'"([^"]+)"', re.sub("`.*?`", "", PROSE)))
def test_quoted_sentences_are_in_the_program(sentence: str) -> None:
    foreign = {  # SQLite's, PostgreSQL's, OpenSSL's and the system's
        "file is not a database", "Address already in use", "Address family not supported", "certificate verify failed",
        "Read-only file system", "Too many open files", "… in system", "Operation not permitted",
        "…: timed out while connecting; …: Connection refused", "canceling statement due to lock timeout (55P03)",
        "Too many levels of symbolic links",
    }  # fmt: skip
    assert sentence in foreign or all(part.strip() in SENTENCES for part in sentence.split("…"))


def test_documented_keys_exist() -> None:
    named = set(re.findall(r"`([a-z]+_[a-z_]+)(?:: \w+)?`", RUNBOOK))
    columns = {"owner_key", "active_key", "memo_key", "real_name"}  # of a table to sign up
    others = {name for name in named if name.startswith("faucet_")} | columns | {*Code} | {*Disagreement}
    assert named - others
    assert named - others <= keys().keys()


def test_files_named_in_the_runbook_exist() -> None:
    named = re.findall(r"`((?:deploy|docs)/[\w/.-]*)`", RUNBOOK)
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
