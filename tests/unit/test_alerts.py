"""When operators are told, and when they are not."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.chain import ChainFacts
from jobs.model.operators import Alert, Failure, Pause
from jobs.monitoring.alerts import CALM, REMIND_EVERY, Look, Verdict, judge, letters, troubles
from jobs.settings import Settings
from tests.harness.serving import FACTS, NOW

SETTINGS = Settings(balance_mailthreshold=Decimal(100), runway_mail_days=7, failures_mail=5, admins=("ops@x.org",))
WELL = Look(now=NOW, facts=FACTS, drain=None, accepted=10, failures={}, oldest=int((NOW - 5) * 1000), differences=0)


def facts(**changes: Any) -> ChainFacts:
    return replace(FACTS, **changes)


def test_nothing_is_wrong() -> None:
    assert troubles(WELL, SETTINGS) == {}
    assert judge(WELL, [], SETTINGS) == Verdict()


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"facts": facts(balance=99_99999)}, "balance", "below 100 TEST"),
        ({"accepted": 1000}, "runway", "1.9 days"),
        ({"drain": Pause("An account costs too much.", "faucet", 0, automatic=True)}, "drain", "costs too much"),
        ({"facts": facts(head_time=NOW - 301, connected=False, trouble="refused")}, "node", "5 minutes: refused"),
        ({"failures": {Code.CHAIN_REFUSED: 3, Code.INTERNAL: 2}}, "failures", "3 chain_refused, 2 internal"),
        ({"oldest": int((NOW - 301) * 1000)}, "queue", "5 minutes"),
        (
            {"oldest": int((NOW - 301) * 1000), "facts": facts(waiting="No block was followed.")},
            "queue",
            "5 minutes. No block was followed.",
        ),
        ({"differences": 2}, "reconcile", "2 places"),
        ({"held": 2}, "held", "2 initial balances are held"),
        (
            {"facts": facts(unconfirmed="Nothing is taken for final.", unconfirmed_since=(NOW - 301) * 1000)},
            "unconfirmed",
            "Nothing is taken for final.",
        ),
        (
            {"failures_of_tasks": {"names": Failure(NOW - 599, "KeyError in names.")}},
            "task",
            "KeyError in names.",
        ),
    ],
)
def test_each_trouble_has_its_sentence(change: dict[str, Any], name: str, words: str) -> None:
    found = troubles(replace(WELL, **change), SETTINGS)
    assert words in found[name]


@pytest.mark.parametrize(
    "change",
    [
        {"facts": facts(balance=100_00000), "accepted": 0},
        {"facts": facts(balance=None)},
        {"facts": ChainFacts()},
        {"drain": Pause("Upgrade.", "ann", 0), "oldest": 0},
        {"failures": {Code.ACCOUNT_EXISTS: 500}},
        {"oldest": None},
        {"facts": facts(unconfirmed="Nothing is taken for final.", unconfirmed_since=(NOW - 300) * 1000)},
        {"failures_of_tasks": {"names": Failure(NOW - 601, "KeyError in names.")}},
    ],
    ids=[
        "balance just enough",
        "balance unknown",
        "no chain yet",
        "paused by an operator",
        "wallets' own",
        "no queue",
        "unconfirmed for a moment",
        "a task that has run since",
    ],
)
def test_no_trouble(change: dict[str, Any]) -> None:
    assert troubles(replace(WELL, **change), SETTINGS) == {}


def at(seconds: float, **changes: Any) -> Look:
    """A look `seconds` after the first, with the node's blocks still fresh."""
    now = NOW + seconds
    fresh = {"facts": facts(head_time=int(now)), "oldest": None, **changes}
    return replace(WELL, now=now, **fresh)


def test_one_mail_when_it_begins_one_a_day_one_when_it_ends() -> None:
    known: tuple[Alert, ...] = ()
    told = []
    for hour in range(80):
        look = at(hour * 3600, differences=1 if hour < 60 else 0)
        verdict = judge(look, known, SETTINGS)
        told += [(hour, subject) for subject, _ in letters(verdict, look, SETTINGS)]
        known = verdict.alerts
    assert told == [
        (0, "Faucet faucet: ledger and chain disagree"),
        (24, "Faucet faucet: still ledger and chain disagree"),
        (48, "Faucet faucet: still ledger and chain disagree"),
        (60, "Faucet faucet: over: ledger and chain disagree"),
    ]


def test_what_comes_and_goes_is_one_alert() -> None:
    known: tuple[Alert, ...] = ()
    mails = 0
    for minute in range(120):
        look = at(minute * 60, differences=minute % 2)
        verdict = judge(look, known, SETTINGS)
        mails += len(list(letters(verdict, look, SETTINGS)))
        known = verdict.alerts
    assert mails == 1
    assert [alert.name for alert in known] == ["reconcile"]
    quiet = at(120 * 60 + CALM)
    assert [alert.name for alert in judge(quiet, known, SETTINGS).ended] == ["reconcile"]


def test_what_begins_together_is_one_mail() -> None:
    look = replace(WELL, drain=Pause("The node is mad.", "faucet", 0, automatic=True), differences=1)
    ((subject, body),) = letters(judge(look, [], SETTINGS), look, SETTINGS)
    assert subject == "Faucet faucet: nothing is registered, ledger and chain disagree"
    assert "The node is mad." in body
    assert "docs/operations.md#drain" in body
    assert "pays for 1941 more signups" in body


def test_a_reminder_has_the_newest_sentence() -> None:
    before = judge(at(0, differences=1), [], SETTINGS).alerts
    look = at(REMIND_EVERY, differences=3)
    ((_, body),) = letters(judge(look, before, SETTINGS), look, SETTINGS)
    assert "3 places" in body


async def test_restart_neither_forgets_nor_repeats(tmp_path: Path) -> None:
    verdict = judge(at(0, differences=1), [], SETTINGS)
    ledger = await Ledger.open(tmp_path / "faucet.db")
    await ledger.put_alerts(verdict.alerts, ended=[], mails=[("subject", "body")])
    await ledger.close()
    again = await Ledger.open(tmp_path / "faucet.db")
    known = await again.alerts()
    assert judge(at(60, differences=1), known, SETTINGS).begun == ()
    assert [mail.subject for mail in await again.due_mails()] == ["subject"]
    await again.put_alerts([], ended=["reconcile"], mails=[])
    assert await again.alerts() == []
    await again.close()
