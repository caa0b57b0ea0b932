"""Alerts: which conditions raise one, and when it is mailed."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from jobs.conditions import CONDITIONS, LedgerStatus
from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.chain import ChainStatus
from jobs.model.downtime import Downtime
from jobs.model.operators import Alert, Failure, Pause
from jobs.monitoring.alerts import (
    _CONDITIONS,
    ALERTS,
    REMIND_INTERVAL,
    RESOLVE_AFTER,
    AlertChanges,
    Observation,
    evaluate,
    failing,
    mails_of,
)
from jobs.settings import Settings
from tests.harness.serving import CHAIN_STATUS, NOW

SETTINGS = Settings(balance_mailthreshold=Decimal(100), runway_mail_days=7, failures_mail=5, admins=("ops@x.org",))
WELL = Observation(NOW, CHAIN_STATUS, LedgerStatus(accepted=10, oldest=int((NOW - 5) * 1000)))


def observation_with(*, chain_status: ChainStatus = CHAIN_STATUS, **ledger: Any) -> Observation:
    return Observation(NOW, chain_status, replace(WELL.ledger, **ledger))


def chain_status(**changes: Any) -> ChainStatus:
    return replace(CHAIN_STATUS, **changes)


def test_every_alert_has_its_condition() -> None:
    assert {_CONDITIONS.get(alert, alert) for alert in ALERTS} <= CONDITIONS.keys()
    assert _CONDITIONS.keys() <= ALERTS.keys()


def test_healthy_faucet_has_no_alerts() -> None:
    assert failing(WELL, SETTINGS) == {}
    assert evaluate(WELL, [], SETTINGS) == AlertChanges()


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"chain_status": chain_status(balance=99_99999)}, "balance", "below 100 TEST"),
        ({"accepted": 1000}, "runway", "1.9 days"),
        ({"drain": Pause("An account costs too much.", "faucet", 0, automatic=True)}, "drain", "costs too much"),
        (
            {"chain_status": chain_status(head_time=NOW - 301, connected=False, last_error="refused")},
            "node",
            "5 minutes: refused",
        ),
        ({"failures": {Code.CHAIN_REFUSED: 3, Code.INTERNAL: 2}}, "failures", "3 chain_refused, 2 internal"),
        ({"oldest": int((NOW - 301) * 1000)}, "queue", "waited for 5 min."),
        (
            {"oldest": int((NOW - 301) * 1000), "chain_status": chain_status(waiting="No block was followed.")},
            "queue",
            "5 min. No block was followed.",
        ),
        ({"differences": 2}, "reconcile", "2 places"),
        ({"held": 2}, "held", "2 initial balances are held"),
        (
            {"chain_status": chain_status(unconfirmed="Nothing is final.", unconfirmed_since=(NOW - 301) * 1000)},
            "unconfirmed",
            "Nothing is final.",
        ),
        (
            {"task_failures": {"names": Failure(NOW - 599, "KeyError in names.")}},
            "task",
            "KeyError in names.",
        ),
    ],
)
def test_condition_that_fails_raises_its_alert(change: dict[str, Any], name: str, words: str) -> None:
    assert words in failing(observation_with(**change), SETTINGS)[name]


@pytest.mark.parametrize(
    "change",
    [
        {"chain_status": chain_status(balance=100_00000), "accepted": 0},
        {"chain_status": chain_status(balance=None)},
        {"chain_status": ChainStatus()},
        {"drain": Pause("Upgrade.", "ann", 0), "oldest": 0},
        {"failures": {Code.ACCOUNT_EXISTS: 500}},
        {"oldest": None},
        {"chain_status": chain_status(unconfirmed="Nothing is final.", unconfirmed_since=(NOW - 300) * 1000)},
        {"task_failures": {"names": Failure(NOW - 601, "KeyError in names.")}},
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
def test_expected_conditions_raise_no_alert(change: dict[str, Any]) -> None:
    assert failing(observation_with(**change), SETTINGS) == {}


def at(seconds: float, **ledger: Any) -> Observation:
    """An observation `seconds` after the first, with a fresh head block."""
    now = NOW + seconds
    return Observation(now, chain_status(head_time=int(now)), replace(WELL.ledger, oldest=None, **ledger))


def test_mails_at_begin_daily_and_end() -> None:
    known: tuple[Alert, ...] = ()
    mails = []
    for hour in range(80):
        observation = at(hour * 3600, differences=1 if hour < 60 else 0)
        changes = evaluate(observation, known, SETTINGS)
        mails += [(hour, subject) for subject, _ in mails_of(changes, observation, SETTINGS)]
        known = changes.alerts
    assert mails == [
        (0, "Faucet faucet: ledger and chain disagree"),
        (24, "Faucet faucet: still ledger and chain disagree"),
        (48, "Faucet faucet: still ledger and chain disagree"),
        (60, "Faucet faucet: over: ledger and chain disagree"),
    ]


def test_flapping_condition_is_one_alert() -> None:
    known: tuple[Alert, ...] = ()
    mails = 0
    for minute in range(120):
        observation = at(minute * 60, differences=minute % 2)
        changes = evaluate(observation, known, SETTINGS)
        mails += len(list(mails_of(changes, observation, SETTINGS)))
        known = changes.alerts
    assert mails == 1
    assert [alert.name for alert in known] == ["reconcile"]
    quiet = at(120 * 60 + RESOLVE_AFTER)
    assert [alert.name for alert in evaluate(quiet, known, SETTINGS).ended] == ["reconcile"]


def test_simultaneous_alerts_share_a_mail() -> None:
    observation = observation_with(drain=Pause("The node lies.", "faucet", 0, automatic=True), differences=1)
    ((subject, body),) = mails_of(evaluate(observation, [], SETTINGS), observation, SETTINGS)
    assert subject == "Faucet faucet: nothing is registered, ledger and chain disagree"
    assert "The node lies." in body
    assert "docs/operations.md#drain" in body
    assert "pays for 1941 more signups" in body


def test_reminder_has_the_latest_message() -> None:
    before = evaluate(at(0, differences=1), [], SETTINGS).alerts
    observation = at(REMIND_INTERVAL, differences=3)
    ((_, body),) = mails_of(evaluate(observation, before, SETTINGS), observation, SETTINGS)
    assert "3 places" in body


STOPPED = Downtime().with_gap((NOW - 3600) * 1000, (NOW - 30) * 1000)  #: for an hour, until half a minute ago
LOW = chain_status(balance=0, head_time=NOW - 3602, observed_at=(NOW - 3601) * 1000)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_status": chain_status(head_time=NOW - 3602, connected=False)},
        {"chain_status": chain_status(head_time=NOW - 3602, read_at=(NOW - 10) * 1000)},
        {"chain_status": chain_status(unconfirmed="Nothing is final.", unconfirmed_since=(NOW - 3601) * 1000)},
        {"chain_status": LOW, "accepted": 1000},
        {"oldest": (NOW - 3700) * 1000},
        {"drain": Pause("No money.", "faucet", (NOW - 3700) * 1000, automatic=True), "oldest": 0},
    ],
    ids=["no block", "blocks are being read", "unconfirmed", "balance from before", "queue", "pause from before"],
)
def test_time_in_which_the_faucet_did_not_run_raises_no_alert(change: dict[str, Any]) -> None:
    assert failing(observation_with(downtime=STOPPED, **change), SETTINGS) == {}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"chain_status": chain_status(head_time=NOW - 3600 - 280)}, "node"),
        ({"chain_status": replace(LOW, observed_at=(NOW - 29) * 1000)}, "balance"),
        ({"oldest": (NOW - 3600 - 280) * 1000}, "queue"),
        ({"drain": Pause("No money.", "faucet", (NOW - 29) * 1000, automatic=True)}, "drain"),
    ],
    ids=["no block", "balance", "queue", "pause"],
)
def test_time_in_which_it_ran_counts_across_a_stop(change: dict[str, Any], name: str) -> None:
    assert name in failing(observation_with(downtime=STOPPED, **change), SETTINGS)


@pytest.mark.parametrize("name", ["node", "balance", "reconcile"])
def test_stop_neither_ends_an_alert_nor_repeats_it(name: str) -> None:
    before = (NOW - 3601) * 1000
    stopped = Downtime().with_gap((NOW - 3600) * 1000, NOW * 1000)
    observation = Observation(NOW, LOW, LedgerStatus(downtime=stopped, differences=1 if name == "reconcile" else 0))
    alert = Alert(name, "It is so.", before, before, before - int((REMIND_INTERVAL - 60) * 1000))
    changes = evaluate(observation, [alert], SETTINGS)
    assert (changes.ended, changes.begun, changes.reminded) == ((), (), ())


async def test_alerts_survive_a_restart(tmp_path: Path) -> None:
    changes = evaluate(at(0, differences=1), [], SETTINGS)
    ledger = await Ledger.open(tmp_path / "faucet.db")
    await ledger.outbox.save_alerts(changes.alerts, ended=[], mails=[("subject", "body")])
    await ledger.close()
    again = await Ledger.open(tmp_path / "faucet.db")
    known = await again.outbox.alerts()
    assert evaluate(at(60, differences=1), known, SETTINGS).begun == ()
    assert [mail.subject for mail in await again.outbox.due_mails()] == ["subject"]
    await again.outbox.save_alerts([], ended=["reconcile"], mails=[])
    assert await again.outbox.alerts() == []
    await again.close()
