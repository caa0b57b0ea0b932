"""For machines that watch: is the process alive, is it ready, what does it measure."""

from handlers.base import ApiHandler


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
        """The text format."""
        counts = await self.parts.ledger.counts()
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.parts.metrics.render(counts, self.parts.snapshot.facts, self.parts.clock()))

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
