"""For machines that watch: is the process alive, is it ready, what does it measure."""

from handlers.base import ApiHandler
from handlers.pages.overview import owed_count
from handlers.replies import ChainReply, ChainView, CheckView, HealthReply, OwnerView, ReadyReply
from jobs.budget import budget_left, runway_days, signups_paid
from jobs.model.owner import Holder
from jobs.monitoring.metrics import MetricsSnapshot

DAY = 86_400  #: seconds


class HealthHandler(ApiHandler):
    """The process answers."""

    route = "healthz"

    def get(self) -> None:
        """Always the same."""
        self.reply(HealthReply(ok=True))

    head = get


class IntakeHandler(ApiHandler):
    """This process takes signups, whether they can be registered now or wait: what a load balancer asks."""

    route = "healthz_intake"

    async def get(self) -> None:
        """As /healthz. Raises FaucetError ledger_unavailable."""
        await self.context.readiness.check_ledger()
        self.reply(HealthReply(ok=True))

    head = get


class ReadyHandler(ApiHandler):
    """A new user can register now."""

    route = "readyz"

    async def get(self) -> None:
        """Every condition; status 503 if one fails."""
        checks = await self.context.readiness.checks()
        ready = all(check.ok for check in checks.values())
        self.set_status(200 if ready else 503)
        views = {name: CheckView(check.ok, check.text) for name, check in checks.items()}
        self.reply(ReadyReply(ready, views, self._owner()))

    head = get

    def _owner(self) -> OwnerView:
        holder, now = self.context.snapshot.holder or Holder(), self.context.ledger.now()
        left = holder.seconds_left(now)
        return OwnerView(holder.owner if left else None, holder.epoch, round(left, 1))


class MetricsHandler(ApiHandler):
    """Everything measured, for Prometheus."""

    route = "metrics"

    async def get(self) -> None:
        """The text format. Raises FaucetError ledger_unavailable."""
        measured = await self._measured()
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(await self.context.metrics.render(measured))

    head = get

    async def _measured(self) -> MetricsSnapshot:
        context, ledger, now = self.context, self.context.ledger, self.context.ledger.now() / 1000
        chain_status, settings, snapshot = context.snapshot.chain_status, context.settings, context.snapshot
        oldest, last = await ledger.queries.oldest_waiting(), await ledger.reconciliation.latest()
        pauses = {"intake": snapshot.intake, "drain": snapshot.drain}
        return MetricsSnapshot(
            at=now,
            holder=snapshot.holder or Holder(),
            machine=settings.machine_name,
            counts=await ledger.queries.counts(),
            chain_status=chain_status,
            paused=[part for part, pause in pauses.items() if pause is not None],
            alerts=[alert.name for alert in await ledger.outbox.alerts()],
            oldest=0.0 if oldest is None else now - oldest / 1000,
            signups=signups_paid(chain_status, settings),
            days=runway_days(chain_status, settings, await ledger.activity.accepted_since(int((now - DAY) * 1000))),
            left=budget_left(chain_status, await ledger.spending.spent_today()),
            held=await ledger.queries.held_count(),
            owed=await owed_count(context),
            ready=all(check.ok for check in (await context.readiness.checks()).values()),
            mails=await ledger.outbox.mails_waiting(),
            reconciled=0 if last is None else last.last_block,
            differences=await ledger.reconciliation.difference_count(),
            foreign=await ledger.reconciliation.foreign_count(),
            lists_problem=context.lists.problem is not None,
            work_seconds=await self._work_seconds(),
            log_size=ledger.log_size(),
        )

    async def _work_seconds(self) -> float | None:
        proofs = self.context.proofs
        return None if proofs is None else await proofs.seconds(None)


class ChainHandler(ApiHandler):
    """What a wallet must know of the chain to make keys for it."""

    route = "chain"

    def get(self) -> None:
        """Chain id, prefix of public keys, core asset; null until a node was met."""
        chain_status = self.context.snapshot.chain_status
        self.reply(ChainReply(ChainView(chain_status.chain_id, chain_status.prefix, chain_status.symbol)))

    head = get
