"""For machines that watch: is the process alive, is it ready, what does it measure."""

from handlers.base import ApiHandler
from handlers.pages.overview import owed_count
from jobs.budget import budget_left, runway_days, signups_paid
from jobs.monitoring.metrics import Measured

DAY = 86_400  #: seconds


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
        checks = await self.parts.readiness.checks()
        ready = all(check.ok for check in checks.values())
        self.set_status(200 if ready else 503)
        shown = {name: {"ok": check.ok, "text": check.text} for name, check in checks.items()}
        self.reply({"ready": ready, "checks": shown})

    head = get


class MetricsHandler(ApiHandler):
    """Everything measured, for Prometheus."""

    route = "metrics"

    async def get(self) -> None:
        """The text format. Raises FaucetError ledger_unavailable."""
        measured = await self._measured()
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.parts.metrics.render(measured))

    head = get

    async def _measured(self) -> Measured:
        parts, ledger, now = self.parts, self.parts.ledger, self.parts.clock()
        facts, settings, snapshot = parts.snapshot.facts, parts.settings, parts.snapshot
        oldest, last = await ledger.oldest_waiting(), await ledger.reconciliation()
        pauses = {"intake": snapshot.intake, "drain": snapshot.drain}
        return Measured(
            at=now,
            counts=await ledger.counts(),
            facts=facts,
            paused=[part for part, pause in pauses.items() if pause is not None],
            alerts=[alert.name for alert in await ledger.alerts()],
            oldest=0.0 if oldest is None else now - oldest / 1000,
            signups=signups_paid(facts, settings),
            days=runway_days(facts, settings, await ledger.accepted_in(int((now - DAY) * 1000))),
            left=budget_left(facts, await ledger.spent_today()),
            held=await ledger.held_count(),
            owed=await owed_count(parts),
            ready=all(check.ok for check in (await parts.readiness.checks()).values()),
            mails=await ledger.mails_waiting(),
            reconciled=0 if last is None else last.last_block,
            differences=await ledger.difference_count(),
        )


class ChainHandler(ApiHandler):
    """What a wallet must know of the chain to make keys for it."""

    route = "chain"

    def get(self) -> None:
        """Chain id, prefix of public keys, core asset; null until a node was met."""
        facts = self.parts.snapshot.facts
        shown = {"chain_id": facts.chain_id, "prefix": facts.prefix, "core_asset": facts.symbol}
        self.reply({"chain": shown})

    head = get
