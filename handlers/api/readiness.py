"""Whether a new user can register now: the conditions as /readyz names them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jobs.chain_status import Snapshot
from jobs.conditions import Condition, LedgerStatus, conditions
from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.settings import Settings
from jobs.ways.lists_watch import CurrentLists

LEDGER_CHECK_LASTS = 1.0  #: seconds that the ledger's check is good for
UNAVAILABLE, RETRY_AFTER = "The ledger takes no signups now.", 5  #: and seconds

#: The checks of /readyz, each with the conditions that it stands for.
CHECKS: Mapping[str, tuple[str, ...]] = {
    "owner": ("owner",),
    "chain": ("nodes", "connection"),
    "head": ("head",),
    "registrar": ("registrar", "membership"),
    "key": ("key",),
    "balance": ("balance",),
    "budget": ("daily_budget", "budget"),
    "drain": ("drain",),
    "intake": ("intake",),
    "queue": ("queue",),
}
OF_LEDGER = ("budget", "queue")  #: the checks that need the ledger now, beside what was read from it before


@dataclass(frozen=True, slots=True)
class Check:
    """One check of /readyz."""

    ok: bool
    text: str


NOT_KNOWN = Check(ok=False, text="not known yet")


class Readiness:
    """Looks at everything that a signup needs on its way to the chain."""

    def __init__(
        self,
        ledger: Ledger,
        snapshot: Snapshot,
        settings: Settings,
        *,
        lists: CurrentLists | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._snapshot = snapshot
        self._settings = settings
        self._lists = lists or CurrentLists(None)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._checked_at = float("-inf")
        self._ledger_check = NOT_KNOWN
        self._unfit: str | None = None  # why the database could forget what it confirms

    async def check_ledger(self) -> None:
        """Raises FaucetError `ledger_unavailable` unless the ledger takes signups; `paused` without lists."""
        self._lists.check()
        if not (await self._writable()).ok:
            raise FaucetError(Code.LEDGER_UNAVAILABLE, UNAVAILABLE, retry_after=RETRY_AFTER)

    async def checks(self) -> dict[str, Check]:
        """Every check by its name at /readyz."""
        writable, snapshot = await self._writable(), self._snapshot
        try:
            spent, oldest = await self._ledger.spending.spent_today(), await self._ledger.queries.oldest_waiting()
            failed: dict[str, Check] = {}
        except FaucetError as error:
            spent, oldest = 0, None
            failed = dict.fromkeys(OF_LEDGER, Check(ok=False, text=error.sentence))
        ledger = LedgerStatus(
            spent=spent, oldest=oldest, intake=snapshot.intake, drain=snapshot.drain, downtime=snapshot.downtime,
            unfit=self._unfit, holder=snapshot.holder, ownerless_since=snapshot.ownerless_since,
        )  # fmt: skip
        found = conditions(snapshot.chain_status, self._settings, self._clock(), ledger)
        by_name = {condition.name: condition for condition in found}
        checks = {name: _check(by_name, names) for name, names in CHECKS.items()}
        if not self._lists.known:
            checks["intake"] = Check(ok=False, text=self._lists.problem or "")
        return {"ledger": _fit(writable, by_name.get("database")), **checks, **failed}

    async def _writable(self) -> Check:
        """The ledger's check, made at most once a second: it writes, and a page must not keep the disk busy."""
        async with self._lock:
            if not 0 <= self._clock() - self._checked_at < LEDGER_CHECK_LASTS:
                self._ledger_check = await self._check_writable()
                self._checked_at = self._clock()
            return self._ledger_check

    async def _check_writable(self) -> Check:
        try:
            await self._ledger.check_writable()
            self._unfit = await self._ledger.unfit()
        except FaucetError as error:
            return Check(ok=False, text=f"can't be written: {error.__cause__}")
        return Check(ok=True, text="writable")


def _fit(writable: Check, database: Condition | None) -> Check:
    """The ledger takes signups also where nothing is signed, since its database is not fit."""
    return writable if database is None or not writable.ok else Check(database.ok, database.text)


def _check(found: Mapping[str, Condition], names: tuple[str, ...]) -> Check:
    """The first of the conditions `names` that fails or is not known yet; else the last of them."""
    checks = [Check(found[name].ok, found[name].text) if name in found else NOT_KNOWN for name in names]
    return next((check for check in checks if not check.ok), checks[-1])
