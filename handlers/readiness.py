"""Can a new user register now: every condition, with its sentence."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from handlers.render import host
from jobs.config import Settings
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.model import ChainFacts
from jobs.snapshot import Snapshot

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
            "intake": self._intake(),
        }

    def signups_paid(self) -> int | None:
        """How many signups the registrar's balance pays for, initial balances included; None until it was seen."""
        facts = self._snapshot.facts
        if facts.balance is None or facts.fee is None:
            return None
        return facts.balance // max(1, facts.fee + self._payment(facts))

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
            return Check(ok=False, text=error.sentence)
        return Check(ok=True, text="writable")

    def _chain(self) -> Check:
        facts = self._snapshot.facts
        if not facts.connected:
            return Check(ok=False, text=facts.trouble or "no node was reached yet")
        return Check(ok=True, text=f"connected to {host(facts.node)}")

    def _head(self) -> Check:
        facts = self._snapshot.facts
        if facts.head_time is None:
            return Check(ok=False, text="no block was seen yet")
        age = max(0, round(self._clock() - facts.head_time))
        return Check(age <= self._settings.max_head_age, f"block {facts.head_block} is {age} seconds old")

    def _registrar(self) -> Check:
        if self._snapshot.drain is not None:
            return Check(ok=False, text=self._snapshot.drain.reason)
        signups = self.signups_paid()
        if signups is None:
            return Check(ok=False, text="its balance was not seen yet")
        return Check(signups > 0, f"its balance pays for {signups} more signups")

    def _intake(self) -> Check:
        pause = self._snapshot.intake
        return Check(pause is None, "open" if pause is None else pause.reason)

    def _payment(self, facts: ChainFacts) -> int:
        """The initial balance, satoshi."""
        amount = self._settings.payment or Decimal(0)
        return int(amount.scaleb(facts.precision or 0))
