"""What operators must know of, though signups go on. Pure."""

from jobs.budget import is_below, runway_days, signups_paid
from jobs.conditions.sentences import signups_count
from jobs.conditions.values import FAILURE_WINDOW, Evaluator, Input, Result
from jobs.errors import Code
from jobs.model.readable import duration

OWNERLESS_AFTER = 30  #: seconds without an owner of the chain until that is a failure
#: Failures that are the wallet's own, which no operator can mend.
_OF_WALLETS = frozenset({Code.ACCOUNT_EXISTS, Code.INVALID_NAME, Code.INVALID_KEY, Code.REJECTED})

PAUSE_CONFIRMED_AFTER = 60.0  #: seconds after a start in which the faucet's own pause from before is no news


def _failing(text: str | None) -> Result:
    """A condition that has something to say only where it fails."""
    return None if text is None else (False, text)


def _low_balance(given: Input) -> Result:
    if given.stale:
        return None
    status, threshold = given.status, given.settings.balance_mailthreshold
    below = is_below(status, threshold)
    return _failing(f"The registrar's balance is below {threshold:f} {status.symbol}." if below else None)


def _runway(given: Input) -> Result:
    days = runway_days(given.status, given.settings, given.ledger.accepted)
    if days is None or days >= given.settings.runway_mail_days or given.stale:
        return None
    signups = signups_paid(given.status, given.settings)
    rate = f"{days:.1f} days at the rate of the last 24 hours"
    return False, f"The registrar's balance pays for {signups_count(signups or 0)}: {rate}."


def _own_pause(given: Input) -> Result:
    pause, since = given.ledger.drain, given.ledger.downtime.running_since
    if pause is None or not pause.automatic:
        return None
    # After a start the first drains tell whether the reason still holds.
    is_old = pause.since / 1000 < since and given.now - since < PAUSE_CONFIRMED_AFTER
    return None if is_old else (False, pause.reason)


def _blocks(given: Input) -> Result:
    """A node that is gone, or whose head stands still, shows by the age of the last block seen."""
    status = given.status
    if status.head_time is None:
        return None
    unseen = given.elapsed(max(status.head_time, (status.read_at or 0) / 1000))
    if unseen <= given.settings.node_mail_seconds:
        return None
    return False, f"No block was seen for {unseen / 60:.0f} minutes: {status.last_error or 'the chain makes none'}."


def _failures(given: Input) -> Result:
    ours = {code: count for code, count in given.ledger.failures.items() if code not in _OF_WALLETS}
    if sum(ours.values()) < given.settings.failures_mail:
        return None
    by_code = ", ".join(f"{count} {code}" for code, count in ours.items())
    return False, f"Signups failed within ten minutes: {by_code}."


def _differences(given: Input) -> Result:
    count = given.ledger.differences
    return _failing(f"Ledger and chain disagree in {count} places." if count else None)


def _held(given: Input) -> Result:
    count = given.ledger.held
    if not count:
        return None
    what = "An initial balance is" if count == 1 else f"{count:,} initial balances are"
    return False, (
        f"{what} held: it expired, and one stranger's node alone says that no block holds it. "
        "Look for it on the chain. If a block holds it, run: faucet.py refollow; if none does, release it."
    )


def _owed(given: Input) -> Result:
    count = given.ledger.owed
    if not count:
        return None
    who = "an account waits" if count == 1 else f"{count:,} accounts wait"
    return False, (
        f"Initial balances are switched off, and {who} for one: switch them on again, or run: faucet.py waive"
    )


def _owner(given: Input) -> Result:
    """A process that takes over, or starts, leaves the chain without an owner for a moment."""
    holder, since = given.ledger.holder, given.ledger.ownerless_since
    if holder is None:
        return None
    if since is None:
        return True, f"{holder.owner} owns the chain, epoch {holder.epoch}"
    seconds = given.now - since / 1000
    last = f"the last epoch was {holder.epoch}"
    return seconds <= OWNERLESS_AFTER, f"No process has owned the chain for {duration(max(0.0, seconds))}: {last}."


def _finality(given: Input) -> Result:
    return _failing(given.status.unconfirmed)


def _lasting_finality(given: Input) -> Result:
    """A second node may be away for a moment: what passes by itself is no news."""
    since = given.status.unconfirmed_since
    lasts = since is not None and given.elapsed(since / 1000) > given.settings.node_mail_seconds
    return _finality(given) if lasts else None


def _tasks(given: Input) -> Result:
    failures = given.ledger.task_failures.values()
    recent = [failure.text for failure in failures if given.now - failure.at <= FAILURE_WINDOW]
    return _failing(" ".join(recent) or None)


OPERATING: dict[str, Evaluator] = {
    "low_balance": _low_balance,
    "runway": _runway,
    "own_pause": _own_pause,
    "blocks": _blocks,
    "failures": _failures,
    "differences": _differences,
    "held": _held,
    "owed": _owed,
    "owner": _owner,
    "finality": _finality,
    "lasting_finality": _lasting_finality,
    "tasks": _tasks,
}
