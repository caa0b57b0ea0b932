"""Can a new user register now: every condition, with its sentence."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from handlers.render import core_amount
from jobs.budget import BUDGET_SPENT, budget_left, signups_in_budget, signups_paid
from jobs.chain_status import Snapshot
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.model.operators import Pause
from jobs.model.readable import duration, host
from jobs.settings import Settings

CHECK_LASTS = 1.0  #: seconds that the ledger's check is good for


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of being ready."""

    ok: bool
    text: str


class Readiness:
    """Looks at everything that a signup needs on its way to the chain."""

    def __init__(
        self, ledger: Ledger, snapshot: Snapshot, settings: Settings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._snapshot = snapshot
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._checked_at = float("-inf")
        self._ledger_check = Check(ok=False, text="not checked yet")

    async def checks(self) -> dict[str, Check]:
        """Every condition by name."""
        return {
            "ledger": await self._ledger_now(),
            "chain": self._chain(),
            "head": self._head(),
            "registrar": self._registrar(),
            "key": self._key(),
            "balance": self._balance(),
            "budget": await self._budget(),
            "drain": self._drain(),
            "intake": _moving(self._snapshot.intake),
            "queue": await self._queue(),
        }

    async def _ledger_now(self) -> Check:
        """The ledger's check, made at most once a second: it writes, and a page must not keep the disk busy."""
        async with self._lock:
            if not 0 <= self._clock() - self._checked_at < CHECK_LASTS:
                self._ledger_check = await self._ledger_writes()
                self._checked_at = self._clock()
            return self._ledger_check

    async def _ledger_writes(self) -> Check:
        try:
            await self._ledger.check_writable()
        except FaucetError as error:
            return Check(ok=False, text=f"can't be written: {error.__cause__}")
        return Check(ok=True, text="writable")

    def _chain(self) -> Check:
        chain_status = self._snapshot.chain_status
        if not chain_status.connected:
            return Check(ok=False, text=chain_status.last_error or "no node was reached yet")
        return Check(ok=True, text=f"connected to {host(chain_status.node)}")

    def _head(self) -> Check:
        chain_status = self._snapshot.chain_status
        if chain_status.head_time is None:
            return Check(ok=False, text="no block was seen yet")
        age = max(0, round(self._clock() - chain_status.head_time))
        return Check(age <= self._settings.max_head_age, f"block {chain_status.head_block} is {age} seconds old")

    def _registrar(self) -> Check:
        chain_status, name = self._snapshot.chain_status, self._settings.registrar
        if chain_status.head_time is None:
            return Check(ok=False, text="was not seen yet")
        if chain_status.registrar_id is None:
            return Check(ok=False, text=f"the chain has no account {name}")
        member = bool(chain_status.registrar_member)
        return Check(member, f"{name} is a lifetime member" if member else f"{name} is not a lifetime member")

    def _key(self) -> Check:
        matches = self._snapshot.chain_status.key_matches
        if matches is None:
            return Check(ok=False, text="was not compared yet")
        return Check(matches, "signs for the registrar" if matches else "does not sign for the registrar")

    def _balance(self) -> Check:
        signups = signups_paid(self._snapshot.chain_status, self._settings)
        if signups is None:
            return Check(ok=False, text="was not seen yet")
        return Check(signups >= self._settings.ready_signups, f"pays for {signups} more signups")

    async def _budget(self) -> Check:
        try:
            spent = await self._ledger.spending.spent_today()
        except FaucetError as error:
            return Check(ok=False, text=error.sentence)
        chain_status = self._snapshot.chain_status
        signups = signups_in_budget(chain_status, self._settings, spent)
        if signups is None:
            return Check(ok=False, text="was not seen yet")
        budget = core_amount(chain_status.budget, chain_status.precision, chain_status.symbol)
        if signups == 0:
            return Check(ok=False, text=BUDGET_SPENT.format(budget=budget))
        left = core_amount(budget_left(chain_status, spent), chain_status.precision, chain_status.symbol)
        return Check(ok=True, text=f"{left} are left of today's budget of {budget}")

    def _drain(self) -> Check:
        pause, waiting = self._snapshot.drain, self._snapshot.chain_status.waiting
        return Check(ok=False, text=waiting) if pause is None and waiting is not None else _moving(pause)

    async def _queue(self) -> Check:
        try:
            oldest = await self._ledger.queries.oldest_waiting()
        except FaucetError as error:
            return Check(ok=False, text=error.sentence)
        if oldest is None:
            return Check(ok=True, text="nobody waits")
        age = max(0.0, self._clock() - oldest / 1000)
        return Check(age <= self._settings.ready_queue_age, f"the oldest signup has waited for {duration(age)}")


def _moving(pause: Pause | None) -> Check:
    """Whether the part that `pause` would hold goes on."""
    return Check(pause is None, "open" if pause is None else pause.reason)
