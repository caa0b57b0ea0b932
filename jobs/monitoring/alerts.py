"""Alerts: evaluated every few seconds, mailed when one begins, when it ends, and once a day in between."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from jobs.budget import signups_paid
from jobs.conditions import FAILURE_WINDOW, LedgerStatus, conditions
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.model.chain import ChainStatus
from jobs.model.downtime import Downtime
from jobs.model.operators import Alert, Failure
from jobs.monitoring.uptime import Uptime
from jobs.settings import Settings

log = logging.getLogger("faucet.alerts")

EVALUATE_INTERVAL = 5.0  #: seconds between two evaluations
RESOLVE_AFTER = 600.0  #: seconds that a condition must hold again before its alert ends: a flapping one is one alert
REMIND_INTERVAL = 86_400.0  #: seconds between two mails about the same alert
DAY = 86_400
SEEN_INTERVAL = 60.0  #: seconds by which the ledger's time of the last sighting may lag

#: Every alert, with what it is called in a mail's subject.
ALERTS = {
    "balance": "the registrar's balance is low",
    "runway": "the registrar's balance does not last long",
    "database": "the ledger's database is not fit",
    "owner": "no process owns the chain",
    "drain": "nothing is registered",
    "node": "no node of the chain",
    "failures": "signups fail",
    "queue": "signups wait",
    "reconcile": "ledger and chain disagree",
    "held": "initial balances are held",
    "unconfirmed": "nothing is taken for final",
    "task": "a part of the faucet fails",
}

OF_BALANCE = frozenset({"balance", "runway"})  #: the alerts that need the registrar's balance as it is now

#: The condition behind each alert, where it has another name.
_CONDITIONS = {
    "balance": "low_balance",
    "drain": "own_pause",
    "node": "blocks",
    "reconcile": "differences",
    "unconfirmed": "lasting_finality",
    "task": "tasks",
}


@dataclass(frozen=True, slots=True)
class Observation:
    """All that alerts depend on, at one moment."""

    now: float  #: seconds since 1970
    chain_status: ChainStatus
    ledger: LedgerStatus

    def elapsed(self, since: int) -> float:
        """Seconds from `since`, milliseconds since 1970, in which the faucet ran: only then an alert could change."""
        return self.ledger.downtime.elapsed(since / 1000, self.now)

    @property
    def stale(self) -> bool:
        """Whether no node has shown the registrar's balance since the faucet runs."""
        return (self.chain_status.observed_at or 0) / 1000 < self.ledger.downtime.running_since


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """What one evaluation changes."""

    alerts: tuple[Alert, ...] = ()  #: as they are now
    ended: tuple[Alert, ...] = ()
    begun: tuple[Alert, ...] = ()
    reminded: tuple[Alert, ...] = ()


def failing(observation: Observation, settings: Settings) -> dict[str, str]:
    """The sentence of each alert whose condition fails now, by the alert's name."""
    found = conditions(observation.chain_status, settings, observation.now, observation.ledger)
    sentences = {condition.name: condition.text for condition in found if not condition.ok}
    if observation.ledger.drain is not None:
        sentences.pop("queue", None)  # the pause explains it, and has an alert of its own
    names = {alert: _CONDITIONS.get(alert, alert) for alert in ALERTS}
    return {alert: sentences[name] for alert, name in names.items() if name in sentences}


def evaluate(observation: Observation, known: Iterable[Alert], settings: Settings) -> AlertChanges:
    """What begins, goes on, ends, and is due for a reminder."""
    now = int(observation.now * 1000)
    sentences, unknown = failing(observation, settings), OF_BALANCE if observation.stale else frozenset[str]()
    open_ = {alert.name: alert for alert in known}
    ended = tuple(
        alert
        for alert in open_.values()
        if alert.name not in sentences.keys() | unknown and observation.elapsed(alert.seen_at) >= RESOLVE_AFTER
    )
    begun = tuple(Alert(name, text, now, now, now) for name, text in sentences.items() if name not in open_)
    lasting = [
        replace(alert, text=sentences[alert.name], seen_at=now) if alert.name in sentences else alert
        for alert in open_.values()
        if alert not in ended
    ]
    reminded = tuple(alert for alert in lasting if observation.elapsed(alert.told_at) >= REMIND_INTERVAL)
    current = [replace(alert, told_at=now) if alert in reminded else alert for alert in lasting]
    return AlertChanges((*current, *begun), ended, begun, reminded)


def mails_of(changes: AlertChanges, observation: Observation, settings: Settings) -> Iterator[tuple[str, str]]:
    """The mails about `changes`, (subject, body): alerts that begin together share one."""
    for what, alerts in (("", changes.begun), ("still ", changes.reminded), ("over: ", changes.ended)):
        if alerts:
            titles = ", ".join(ALERTS[alert.name] for alert in alerts)
            yield f"Faucet {settings.registrar}: {what}{titles}", _body(alerts, observation, settings)


class Alerts:
    """Evaluates the alerts periodically, and queues their mails."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
        failures: Mapping[str, Failure] | None = None,
        uptime: Uptime | None = None,
    ) -> None:
        """Without `uptime` it counts as having run all the time."""
        self._task_failures = {} if failures is None else failures
        self._settings = settings
        self._ledger = ledger
        self._wake = wake
        self._clock = clock
        self._uptime = uptime

    async def run(self) -> None:
        """Evaluate every EVALUATE_INTERVAL seconds."""
        while True:
            try:
                await self.evaluate_once()
            except FaucetError as error:
                log.warning("alerts not evaluated", extra={"fields": {"reason": error}})
            await asyncio.sleep(EVALUATE_INTERVAL)

    async def begin(self, name: str, text: str) -> bool:
        """Begin the alert `name` at once, as whoever is no owner of the chain may; False where it is open already.

        Raises FaucetError `ledger_unavailable`.
        """
        observation = await self._gather()
        now = int(observation.now * 1000)
        alert = Alert(name, text, now, now, now)
        changes = AlertChanges((alert,), begun=(alert,))
        mails = list(mails_of(changes, observation, self._settings)) if _mails(self._settings) else []
        if not await self._ledger.outbox.begin_alert(alert, mails):
            return False
        _log_changes(changes)
        return True

    async def evaluate_once(self) -> None:
        """Evaluate, and save what changed. Raises FaucetError `ledger_unavailable`."""
        observation = await self._gather()
        known = await self._ledger.outbox.alerts()
        changes = evaluate(observation, known, self._settings)
        _log_changes(changes)
        changed = _worth_writing(changes, known)
        if changed or changes.ended:
            mails = list(mails_of(changes, observation, self._settings)) if _mails(self._settings) else []
            await self._ledger.outbox.save_alerts(changed, ended=[alert.name for alert in changes.ended], mails=mails)
            self._wake()

    async def _gather(self) -> Observation:
        if self._uptime is not None:
            await self._uptime.save()
        now, ledger = self._clock(), self._ledger
        day, recently = (int((now - seconds) * 1000) for seconds in (DAY, FAILURE_WINDOW))
        status = LedgerStatus(
            drain=(await ledger.pauses.active()).get("drain"),
            oldest=await ledger.queries.oldest_waiting(),
            accepted=await ledger.activity.accepted_since(day),
            failures=await ledger.queries.failures_since(recently),
            differences=await ledger.reconciliation.difference_count(),
            held=await ledger.queries.held_count(),
            unfit=await ledger.unfit(),
            downtime=Downtime() if self._uptime is None else self._uptime.downtime,
            task_failures=self._task_failures,
        )
        return Observation(now, await ledger.chain_status.load(), status)


def _body(alerts: Sequence[Alert], observation: Observation, settings: Settings) -> str:
    parts = [
        f"{alert.text}\nSince {_moment(alert.since)}. What to do: docs/operations.md#{alert.name}" for alert in alerts
    ]
    chain_status = observation.chain_status
    signups = signups_paid(chain_status, settings)
    parts.append(
        f"Node: {'connected' if chain_status.connected else 'not connected'}, head block {chain_status.head_block}.\n"
        f"The balance pays for {'an unknown number of' if signups is None else signups} more signups; "
        f"{observation.ledger.accepted} were accepted in the last 24 hours."
    )
    return "\n\n".join(parts) + "\n"


def _moment(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(milliseconds / 1000))


def _mails(settings: Settings) -> bool:
    return bool(settings.admins and settings.mail_host)


def _worth_writing(changes: AlertChanges, known: Iterable[Alert]) -> list[Alert]:
    """The alerts that differ from what the ledger has by more than a little time."""
    before = {alert.name: alert for alert in known}
    return [alert for alert in changes.alerts if _differs(alert, before.get(alert.name))]


def _differs(alert: Alert, before: Alert | None) -> bool:
    if before is None or alert.told_at != before.told_at:
        return True
    return alert.seen_at - before.seen_at >= SEEN_INTERVAL * 1000


def _log_changes(changes: AlertChanges) -> None:
    for alert in changes.begun:
        log.error("alert begun", extra={"fields": {"alert": alert.name, "text": alert.text}})
    for alert in changes.ended:
        log.info("alert ended", extra={"fields": {"alert": alert.name}})
