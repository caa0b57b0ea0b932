"""What is counted and measured, in the Prometheus text format."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from jobs.model.chain import ChainStatus
from jobs.model.job import State
from jobs.model.operators import PARTS
from jobs.monitoring.alerts import ALERTS

REGISTRATION_BUCKETS = (0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 3600)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """What is not counted but read, when somebody asks."""

    at: float  #: seconds since 1970
    counts: Mapping[State, int]
    chain_status: ChainStatus
    paused: Collection[str]  #: of PARTS
    alerts: Collection[str]  #: of ALERTS
    oldest: float  #: seconds that the oldest queued job has waited; 0 if none does
    signups: int | None  #: that the balance pays for
    days: float | None  #: that it lasts
    left: int | None  #: of today's budget, satoshi
    held: int  #: jobs whose initial balance an operator must release
    owed: int  #: accounts that wait for an initial balance though none is configured
    ready: bool
    mails: int  #: that wait
    reconciled: int  #: the last block compared
    differences: int


class Metrics:
    """What is counted, in a registry of its own. Labels are names of ours, never what a client sent.

    Where several processes serve, the library keeps their counts in files of the folder PROMETHEUS_MULTIPROC_DIR, and
    each of them shows the sum.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        signups = Counter("faucet_signups", "Signups by outcome", ["outcome"], registry=registry)
        self.registration_seconds = Histogram(
            "faucet_registration_seconds", "Accepted to in a block", buckets=REGISTRATION_BUCKETS, registry=registry
        )
        self.batch_accounts = Histogram(
            "faucet_batch_accounts", "Accounts in a transaction", buckets=BATCH_BUCKETS, registry=registry
        )
        self.transactions_total = Counter(
            "faucet_transactions", "Broadcasts by kind and outcome", ["kind", "outcome"], registry=registry
        )
        requests = Histogram(
            "faucet_http_request_seconds",
            "Requests by route, method and status",
            ["route", "method", "status"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.task_failures = Counter(
            "faucet_task_failures", "Background tasks that failed and were started again", ["task"], registry=registry
        )
        # Kept by their labels, which takes the library longer than to count.
        self.signups = cache(signups.labels)
        self.requests = cache(requests.labels)
        self._jobs = _gauge("faucet_jobs", "Jobs by state", registry, "state")
        self._balance = _gauge("faucet_registrar_balance", "The registrar's core asset", registry)
        self._fee = _gauge("faucet_account_fee", "Core asset that an account costs now", registry)
        self._connected = _gauge("faucet_chain_connected", "1 if a node is in use", registry)
        self._head_block = _gauge("faucet_chain_head_block", "Number of the head block", registry)
        self._head_age = _gauge("faucet_chain_head_age_seconds", "Age of the head block", registry)
        self._stranger = _gauge("faucet_node_stranger", "1 if the node in use is not an own one", registry)
        self._unconfirmed = _gauge("faucet_unconfirmed", "1 if nothing is taken for final", registry)
        self._failovers = _gauge("faucet_chain_failovers", "Times that another node was taken", registry)
        self._paused = _gauge("faucet_paused", "1 if intake or drain stands still", registry, "part")
        self._oldest = _gauge("faucet_oldest_job_seconds", "Wait of the oldest queued job", registry)
        self._signups_paid = _gauge("faucet_signups_paid", "Signups that the balance pays for", registry)
        self._runway = _gauge("faucet_runway_days", "Days that the balance lasts at the last day's rate", registry)
        self._budget = _gauge("faucet_daily_budget", "Core asset that may leave the registrar today", registry)
        self._left = _gauge("faucet_budget_left", "Core asset that is left of today's budget", registry)
        self._max_fee = _gauge("faucet_max_fee", "Core asset that an account may cost", registry)
        self._held = _gauge("faucet_payments_held", "Initial balances that an operator must release", registry)
        self._owed = _gauge("faucet_payments_owed", "Initial balances owed though none is configured", registry)
        self._ready = _gauge("faucet_ready", "1 if a new user can register now", registry)
        self._alert = _gauge("faucet_alert", "1 while the trouble lasts", registry, "name")
        self._mails = _gauge("faucet_mails_waiting", "Mails that the mail server has not taken", registry)
        self._reconciled = _gauge("faucet_reconciled_block", "Last block compared with the ledger", registry)
        self._differences = _gauge("faucet_differences", "Places where ledger and chain disagree", registry)
        self._shown = _of_all_processes() if "PROMETHEUS_MULTIPROC_DIR" in os.environ else registry

    def render(self, now: MetricsSnapshot) -> bytes:
        """All metrics as text; those of the ledger and the chain as they are `now`."""
        for state in State:
            self._jobs.labels(state=state).set(now.counts.get(state, 0))
        for part in PARTS:
            self._paused.labels(part=part).set(part in now.paused)
        for name in ALERTS:
            self._alert.labels(name=name).set(name in now.alerts)
        for gauge, value in self._values(now):
            gauge.set(float("nan") if value is None else float(value))
        return generate_latest(self._shown)

    def _values(self, now: MetricsSnapshot) -> Iterator[tuple[Gauge, float | Decimal | None]]:
        chain_status = now.chain_status
        yield self._connected, chain_status.connected
        yield self._stranger, chain_status.stranger
        yield self._unconfirmed, chain_status.unconfirmed is not None
        yield self._failovers, chain_status.failovers
        yield self._balance, _core_asset(chain_status.balance, chain_status)
        yield self._fee, _core_asset(chain_status.fee, chain_status)
        yield self._head_block, chain_status.head_block or 0
        yield self._head_age, None if chain_status.head_time is None else now.at - chain_status.head_time
        yield self._oldest, now.oldest
        yield self._signups_paid, now.signups
        yield self._runway, now.days
        yield self._budget, _core_asset(chain_status.budget, chain_status)
        yield self._left, _core_asset(now.left, chain_status)
        yield self._max_fee, _core_asset(chain_status.max_fee, chain_status)
        yield self._held, now.held
        yield self._owed, now.owed
        yield self._ready, now.ready
        yield self._mails, now.mails
        yield self._reconciled, now.reconciled
        yield self._differences, now.differences


def _core_asset(satoshi: int | None, chain_status: ChainStatus) -> Decimal | None:
    return None if satoshi is None else Decimal(satoshi).scaleb(-(chain_status.precision or 0))


def _gauge(name: str, text: str, registry: CollectorRegistry, *labels: str) -> Gauge:
    """A gauge of the ledger or the chain: every process shows the same, so the newest value is it."""
    return Gauge(name, text, labels, registry=registry, multiprocess_mode="mostrecent")


def _of_all_processes() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types there
    return registry
