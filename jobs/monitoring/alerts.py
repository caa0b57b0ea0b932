"""What operators must know of: judged every few seconds, told once when it begins, once when it ends, once a day."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jobs.budget import is_below, runway_days, signups_paid
from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.model.chain import ChainStatus
from jobs.model.operators import Alert, Failure, Pause
from jobs.monitoring.notices import held_payments
from jobs.settings import Settings

log = logging.getLogger("faucet.alerts")

LOOK_INTERVAL = 5.0  #: seconds between two looks
RESOLVE_AFTER = 600.0  #: seconds without it before trouble has ended: what comes and goes is one alert, not many
REMIND_INTERVAL = 86_400.0  #: seconds between two mails about the same trouble
FAILING_SINCE = 600  #: seconds in which failures are counted
DAY = 86_400
SEEN_INTERVAL = 60.0  #: seconds by which the ledger may lag behind in when trouble was last seen

#: Failures that are the wallet's own, and no trouble.
_OF_WALLETS = frozenset({Code.ACCOUNT_EXISTS, Code.INVALID_NAME, Code.INVALID_KEY, Code.REJECTED})

#: Every alert, with what it is called in a mail's subject.
ALERTS = {
    "balance": "the registrar's balance is low",
    "runway": "the registrar's balance does not last long",
    "drain": "nothing is registered",
    "node": "no node of the chain",
    "failures": "signups fail",
    "queue": "signups wait",
    "reconcile": "ledger and chain disagree",
    "held": "initial balances are held",
    "unconfirmed": "nothing is taken for final",
    "task": "a part of the faucet fails",
}


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is judged."""

    now: float  #: seconds since 1970
    chain_status: ChainStatus
    drain: Pause | None
    accepted: int  #: signups in the last 24 hours
    failures: Mapping[str, int]  #: by code, in the last FAILING_SINCE seconds
    oldest: int | None  #: when the oldest queued job was accepted, milliseconds
    differences: int  #: between ledger and chain
    held: int = 0  #: jobs whose initial balance waits for an operator
    failures_of_tasks: Mapping[str, Failure] = field(default_factory=dict)  #: the last of each task, by its name


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """What a look changes."""

    alerts: tuple[Alert, ...] = ()  #: as they are now
    ended: tuple[Alert, ...] = ()
    begun: tuple[Alert, ...] = ()
    reminded: tuple[Alert, ...] = ()


def troubles(observation: Observation, settings: Settings) -> dict[str, str]:
    """What is wrong now: the name of each condition, with its sentence."""
    return {name: text for name, text in _conditions(observation, settings) if text is not None}


def evaluate(observation: Observation, known: Iterable[Alert], settings: Settings) -> AlertChanges:
    """What begins, goes on, ends, and is due for a reminder."""
    now = int(observation.now * 1000)
    wrong = troubles(observation, settings)
    open_ = {alert.name: alert for alert in known}
    ended = tuple(
        alert for alert in open_.values() if alert.name not in wrong and now - alert.seen_at >= RESOLVE_AFTER * 1000
    )
    begun = tuple(Alert(name, text, now, now, now) for name, text in wrong.items() if name not in open_)
    lasting = [
        replace(alert, text=wrong[alert.name], seen_at=now) if alert.name in wrong else alert
        for alert in open_.values()
        if alert not in ended
    ]
    reminded = tuple(alert for alert in lasting if now - alert.told_at >= REMIND_INTERVAL * 1000)
    told = [replace(alert, told_at=now) if alert in reminded else alert for alert in lasting]
    return AlertChanges((*told, *begun), ended, begun, reminded)


def letters(changes: AlertChanges, observation: Observation, settings: Settings) -> Iterator[tuple[str, str]]:
    """The mails of `changes`, (subject, body): all that begins together is in one."""
    for what, alerts in (("", changes.begun), ("still ", changes.reminded), ("over: ", changes.ended)):
        if alerts:
            titles = ", ".join(ALERTS[alert.name] for alert in alerts)
            yield f"Faucet {settings.registrar}: {what}{titles}", _body(alerts, observation, settings)


class Alerts:
    """Looks again and again."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
        failures: Mapping[str, Failure] | None = None,
    ) -> None:
        self._task_failures = {} if failures is None else failures
        self._settings = settings
        self._ledger = ledger
        self._wake = wake
        self._clock = clock

    async def run(self) -> None:
        """Look every LOOK_INTERVAL seconds."""
        while True:
            try:
                await self.look()
            except FaucetError as error:
                log.warning("alerts not evaluated", extra={"fields": {"reason": error}})
            await asyncio.sleep(LOOK_INTERVAL)

    async def look(self) -> None:
        """Judge once, and write what follows. Raises FaucetError `ledger_unavailable`."""
        observation = await self._gather()
        known = await self._ledger.outbox.alerts()
        changes = evaluate(observation, known, self._settings)
        _log_changes(changes)
        changed = _worth_writing(changes, known)
        if changed or changes.ended:
            mails = list(letters(changes, observation, self._settings)) if _mails(self._settings) else []
            await self._ledger.outbox.save_alerts(changed, ended=[alert.name for alert in changes.ended], mails=mails)
            self._wake()

    async def _gather(self) -> Observation:
        now = self._clock()
        day, failing = (int((now - seconds) * 1000) for seconds in (DAY, FAILING_SINCE))
        return Observation(
            now=now,
            chain_status=await self._ledger.chain_status.load(),
            drain=(await self._ledger.pauses.active()).get("drain"),
            accepted=await self._ledger.activity.accepted_since(day),
            failures=await self._ledger.queries.failures_since(failing),
            oldest=await self._ledger.queries.oldest_waiting(),
            differences=await self._ledger.reconciliation.difference_count(),
            held=await self._ledger.queries.held_count(),
            failures_of_tasks=self._task_failures,
        )


def _conditions(observation: Observation, settings: Settings) -> Iterator[tuple[str, str | None]]:
    chain_status = observation.chain_status
    yield "balance", _balance(chain_status, settings)
    yield "runway", _runway(observation, settings)
    yield "drain", observation.drain.reason if observation.drain is not None and observation.drain.automatic else None
    yield "node", _node(observation, settings)
    yield "failures", _failures(observation, settings)
    yield "queue", _queue(observation, settings)
    differences = f"Ledger and chain disagree in {observation.differences} places." if observation.differences else None
    yield "reconcile", differences
    yield "held", held_payments(observation.held)
    yield "unconfirmed", _unconfirmed(observation, settings)
    yield "task", _failed_task(observation)


def _balance(chain_status: ChainStatus, settings: Settings) -> str | None:
    if not is_below(chain_status, settings.balance_mailthreshold):
        return None
    return f"The registrar's balance is below {settings.balance_mailthreshold:f} {chain_status.symbol}."


def _runway(observation: Observation, settings: Settings) -> str | None:
    days = runway_days(observation.chain_status, settings, observation.accepted)
    if days is None or days >= settings.runway_mail_days:
        return None
    signups = signups_paid(observation.chain_status, settings)
    return f"The registrar's balance pays for {signups} more signups: {days:.1f} days at the rate of the last 24 hours."


def _node(observation: Observation, settings: Settings) -> str | None:
    """A node that is gone, or whose head stands still, shows by the age of the last block seen."""
    head = observation.chain_status.head_time
    if head is None or observation.now - head <= settings.node_mail_seconds:
        return None
    minutes = (observation.now - head) / 60
    reason = observation.chain_status.last_error or "the chain makes none"
    return f"No block was seen for {minutes:.0f} minutes: {reason}."


def _failures(observation: Observation, settings: Settings) -> str | None:
    ours = {code: count for code, count in observation.failures.items() if code not in _OF_WALLETS}
    if sum(ours.values()) < settings.failures_mail:
        return None
    by_code = ", ".join(f"{count} {code}" for code, count in ours.items())
    return f"Signups failed within ten minutes: {by_code}."


def _queue(observation: Observation, settings: Settings) -> str | None:
    """Nothing else explains it where the drain is not paused: a pause tells of itself."""
    if observation.oldest is None or observation.drain is not None:
        return None
    age = observation.now - observation.oldest / 1000
    if age <= settings.ready_queue_age:
        return None
    sentence = f"The oldest signup has waited for {age / 60:.0f} minutes."
    return sentence if observation.chain_status.waiting is None else f"{sentence} {observation.chain_status.waiting}"


def _unconfirmed(observation: Observation, settings: Settings) -> str | None:
    """What passes by itself is no news: a second node may be away for a moment."""
    since = observation.chain_status.unconfirmed_since
    if (
        observation.chain_status.unconfirmed is None
        or since is None
        or observation.now - since / 1000 <= settings.node_mail_seconds
    ):
        return None
    return observation.chain_status.unconfirmed


def _failed_task(observation: Observation) -> str | None:
    recent = [
        failure.text
        for failure in observation.failures_of_tasks.values()
        if observation.now - failure.at <= FAILING_SINCE
    ]
    return " ".join(recent) or None


def _body(alerts: Sequence[Alert], observation: Observation, settings: Settings) -> str:
    parts = [
        f"{alert.text}\nSince {_moment(alert.since)}. What to do: docs/operations.md#{alert.name}" for alert in alerts
    ]
    chain_status = observation.chain_status
    signups = signups_paid(chain_status, settings)
    parts.append(
        f"Node: {'connected' if chain_status.connected else 'not connected'}, head block {chain_status.head_block}.\n"
        f"The balance pays for {'an unknown number of' if signups is None else signups} more signups; "
        f"{observation.accepted} were accepted in the last 24 hours."
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
