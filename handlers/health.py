"""For machines that watch: is the process alive, is it ready, what does it measure."""

import time
from dataclasses import dataclass

from handlers.base import ApiHandler
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.model import ChainFacts, Pause
from jobs.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of being ready."""

    ok: bool
    text: str


async def readiness(ledger: Ledger, snapshot: Snapshot, max_head_age: int, now: float) -> dict[str, Check]:
    """Every condition for registering a new user now, by name."""
    facts = snapshot.facts
    return {
        "ledger": await _ledger_check(ledger),
        "chain": Check(facts.connected, facts.node or facts.trouble or "no node was reached yet"),
        "head": _head_check(facts, max_head_age, now),
        "registrar": _registrar_check(facts, snapshot.drain),
        "intake": Check(snapshot.intake is None, snapshot.intake.reason if snapshot.intake else "open"),
    }


async def _ledger_check(ledger: Ledger) -> Check:
    try:
        await ledger.check_writable()
    except FaucetError as error:
        return Check(ok=False, text=error.sentence)
    return Check(ok=True, text="writable")


def _head_check(facts: ChainFacts, max_head_age: int, now: float) -> Check:
    if facts.head_time is None:
        return Check(ok=False, text="no block was seen yet")
    age = max(0, round(now - facts.head_time))
    return Check(age <= max_head_age, f"block {facts.head_block} is {age} seconds old")


def _registrar_check(facts: ChainFacts, drain: Pause | None) -> Check:
    if drain is not None:
        return Check(ok=False, text=drain.reason)
    if facts.balance is None or facts.fee is None:
        return Check(ok=False, text="its balance was not seen yet")
    signups = facts.balance // max(1, facts.fee)
    return Check(signups > 0, f"pays for {signups} more signups")


class HealthHandler(ApiHandler):
    """The process answers."""

    route = "healthz"

    def get(self) -> None:
        """Always the same."""
        self.reply({"ok": True})

    head = get


class ReadyHandler(ApiHandler):
    """A new user can register now."""

    route = "readyz"

    async def get(self) -> None:
        """Every condition; status 503 if one fails."""
        parts = self.parts
        checks = await readiness(parts.ledger, parts.snapshot, parts.settings.max_head_age, time.time())
        ready = all(check.ok for check in checks.values())
        self.set_status(200 if ready else 503)
        shown = {name: {"ok": check.ok, "text": check.text} for name, check in checks.items()}
        self.reply({"ready": ready, "checks": shown})

    head = get


class MetricsHandler(ApiHandler):
    """Everything measured, for Prometheus."""

    route = "metrics"

    async def get(self) -> None:
        """The text format."""
        counts = await self.parts.ledger.counts()
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.parts.metrics.render(counts, self.parts.snapshot.facts, time.time()))

    head = get


class ChainHandler(ApiHandler):
    """What a wallet must know of the chain to make keys for it."""

    route = "chain"

    def get(self) -> None:
        """Chain id, prefix of public keys, core asset; null until a node was met."""
        facts = self.parts.snapshot.facts
        shown = {"chain_id": facts.chain_id, "prefix": facts.prefix, "core_asset": facts.symbol}
        self.reply({"chain": shown})

    head = get
