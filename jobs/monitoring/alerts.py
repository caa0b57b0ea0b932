"""What operators must know of: judged every few seconds, told once when it begins, once when it ends, once a day."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jobs.budget import is_below, runway_days, signups_paid
from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.model.chain import ChainFacts
from jobs.model.operators import Alert, Failure, Pause
from jobs.monitoring.notices import held_payments
from jobs.settings import Settings

log = logging.getLogger("faucet.alerts")

LOOK_EVERY = 5.0  #: seconds between two looks
CALM = 600.0  #: seconds without it before trouble has ended: what comes and goes is one alert, not many
REMIND_EVERY = 86_400.0  #: seconds between two mails about the same trouble
FAILING_SINCE = 600  #: seconds in which failures are counted
DAY = 86_400
SEEN_EVERY = 60.0  #: seconds by which the ledger may lag behind in when trouble was last seen

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
class Look:
    """All that is judged."""

    now: float  #: seconds since 1970
    facts: ChainFacts
    drain: Pause | None
    accepted: int  #: signups in the last 24 hours
    failures: Mapping[str, int]  #: by code, in the last FAILING_SINCE seconds
    oldest: int | None  #: when the oldest queued job was accepted, milliseconds
    differences: int  #: between ledger and chain
    held: int = 0  #: jobs whose initial balance waits for an operator
    failures_of_tasks: Mapping[str, Failure] = field(default_factory=dict)  #: the last of each task, by its name


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look changes."""

    alerts: tuple[Alert, ...] = ()  #: as they are now
    ended: tuple[Alert, ...] = ()
    begun: tuple[Alert, ...] = ()
    reminded: tuple[Alert, ...] = ()


def troubles(look: Look, settings: Settings) -> dict[str, str]:
    """What is wrong now: the name of each condition, with its sentence."""
    return {name: text for name, text in _conditions(look, settings) if text is not None}


def judge(look: Look, known: Iterable[Alert], settings: Settings) -> Verdict:
    """What begins, goes on, ends, and is due for a reminder."""
    now = int(look.now * 1000)
    wrong = troubles(look, settings)
    open_ = {alert.name: alert for alert in known}
    ended = tuple(alert for alert in open_.values() if alert.name not in wrong and now - alert.seen_at >= CALM * 1000)
    begun = tuple(Alert(name, text, now, now, now) for name, text in wrong.items() if name not in open_)
    lasting = [
        replace(alert, text=wrong[alert.name], seen_at=now) if alert.name in wrong else alert
        for alert in open_.values()
        if alert not in ended
    ]
    reminded = tuple(alert for alert in lasting if now - alert.told_at >= REMIND_EVERY * 1000)
    told = [replace(alert, told_at=now) if alert in reminded else alert for alert in lasting]
    return Verdict((*told, *begun), ended, begun, reminded)


def letters(verdict: Verdict, look: Look, settings: Settings) -> Iterator[tuple[str, str]]:
    """The mails of `verdict`, (subject, body): all that begins together is in one."""
    for what, alerts in (("", verdict.begun), ("still ", verdict.reminded), ("over: ", verdict.ended)):
        if alerts:
            titles = ", ".join(ALERTS[alert.name] for alert in alerts)
            yield f"Faucet {settings.registrar}: {what}{titles}", _body(alerts, look, settings)


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
        """Look every LOOK_EVERY seconds."""
        while True:
            try:
                await self.look()
            except FaucetError as error:
                log.warning("alerts not judged: %s", error)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Judge once, and write what follows. Raises FaucetError `ledger_unavailable`."""
        look = await self._gather()
        known = await self._ledger.alerts()
        verdict = judge(look, known, self._settings)
        _tell_log(verdict)
        changed = _worth_writing(verdict, known)
        if changed or verdict.ended:
            mails = list(letters(verdict, look, self._settings)) if _mails(self._settings) else []
            await self._ledger.put_alerts(changed, ended=[alert.name for alert in verdict.ended], mails=mails)
            self._wake()

    async def _gather(self) -> Look:
        now = self._clock()
        day, failing = (int((now - seconds) * 1000) for seconds in (DAY, FAILING_SINCE))
        return Look(
            now=now,
            facts=await self._ledger.facts(),
            drain=(await self._ledger.pauses()).get("drain"),
            accepted=await self._ledger.accepted_in(day),
            failures=await self._ledger.failures_since(failing),
            oldest=await self._ledger.oldest_waiting(),
            differences=await self._ledger.difference_count(),
            held=await self._ledger.held_count(),
            failures_of_tasks=self._task_failures,
        )


def _conditions(look: Look, settings: Settings) -> Iterator[tuple[str, str | None]]:
    facts = look.facts
    yield "balance", _balance(facts, settings)
    yield "runway", _runway(look, settings)
    yield "drain", look.drain.reason if look.drain is not None and look.drain.automatic else None
    yield "node", _node(look, settings)
    yield "failures", _failures(look, settings)
    yield "queue", _queue(look, settings)
    differences = f"Ledger and chain disagree in {look.differences} places." if look.differences else None
    yield "reconcile", differences
    yield "held", held_payments(look.held)
    yield "unconfirmed", _unconfirmed(look, settings)
    yield "task", _failed_task(look)


def _balance(facts: ChainFacts, settings: Settings) -> str | None:
    if not is_below(facts, settings.balance_mailthreshold):
        return None
    return f"The registrar's balance is below {settings.balance_mailthreshold:f} {facts.symbol}."


def _runway(look: Look, settings: Settings) -> str | None:
    days = runway_days(look.facts, settings, look.accepted)
    if days is None or days >= settings.runway_mail_days:
        return None
    signups = signups_paid(look.facts, settings)
    return f"The registrar's balance pays for {signups} more signups: {days:.1f} days at the rate of the last 24 hours."


def _node(look: Look, settings: Settings) -> str | None:
    """A node that is gone, or whose head stands still, shows by the age of the last block seen."""
    head = look.facts.head_time
    if head is None or look.now - head <= settings.node_mail_seconds:
        return None
    minutes = (look.now - head) / 60
    return f"No block was seen for {minutes:.0f} minutes: {look.facts.trouble or 'the chain makes none'}."


def _failures(look: Look, settings: Settings) -> str | None:
    ours = {code: count for code, count in look.failures.items() if code not in _OF_WALLETS}
    if sum(ours.values()) < settings.failures_mail:
        return None
    by_code = ", ".join(f"{count} {code}" for code, count in ours.items())
    return f"Signups failed within ten minutes: {by_code}."


def _queue(look: Look, settings: Settings) -> str | None:
    """Nothing else explains it where the drain is not paused: a pause tells of itself."""
    if look.oldest is None or look.drain is not None:
        return None
    age = look.now - look.oldest / 1000
    if age <= settings.ready_queue_age:
        return None
    sentence = f"The oldest signup has waited for {age / 60:.0f} minutes."
    return sentence if look.facts.waiting is None else f"{sentence} {look.facts.waiting}"


def _unconfirmed(look: Look, settings: Settings) -> str | None:
    """What passes by itself is no news: a second node may be away for a moment."""
    since = look.facts.unconfirmed_since
    if look.facts.unconfirmed is None or since is None or look.now - since / 1000 <= settings.node_mail_seconds:
        return None
    return look.facts.unconfirmed


def _failed_task(look: Look) -> str | None:
    recent = [failure.text for failure in look.failures_of_tasks.values() if look.now - failure.at <= FAILING_SINCE]
    return " ".join(recent) or None


def _body(alerts: Sequence[Alert], look: Look, settings: Settings) -> str:
    parts = [
        f"{alert.text}\nSince {_moment(alert.since)}. What to do: docs/operations.md#{alert.name}" for alert in alerts
    ]
    facts = look.facts
    signups = signups_paid(facts, settings)
    parts.append(
        f"Node: {'connected' if facts.connected else 'not connected'}, head block {facts.head_block}.\n"
        f"The balance pays for {'an unknown number of' if signups is None else signups} more signups; "
        f"{look.accepted} were accepted in the last 24 hours."
    )
    return "\n\n".join(parts) + "\n"


def _moment(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(milliseconds / 1000))


def _mails(settings: Settings) -> bool:
    return bool(settings.admins and settings.mail_host)


def _worth_writing(verdict: Verdict, known: Iterable[Alert]) -> list[Alert]:
    """The alerts that differ from what the ledger has by more than a little time."""
    before = {alert.name: alert for alert in known}
    return [alert for alert in verdict.alerts if _differs(alert, before.get(alert.name))]


def _differs(alert: Alert, before: Alert | None) -> bool:
    if before is None or alert.told_at != before.told_at:
        return True
    return alert.seen_at - before.seen_at >= SEEN_EVERY * 1000


def _tell_log(verdict: Verdict) -> None:
    for alert in verdict.begun:
        log.error("alert=%s begun: %s", alert.name, alert.text)
    for alert in verdict.ended:
        log.info("alert=%s ended", alert.name)
