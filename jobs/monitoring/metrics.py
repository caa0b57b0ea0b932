"""Prometheus metrics: counters, histograms, and gauges read from ledger and chain."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values

from jobs.model.chain import ChainStatus
from jobs.model.job import State
from jobs.model.operators import PARTS
from jobs.model.owner import Holder
from jobs.monitoring.alerts import ALERTS
from jobs.monitoring.shared_counts import SharedCounts
from jobs.ways.challenges import Outcome
from jobs.ways.lists import Reason

# In memory, even if PROMETHEUS_MULTIPROC_DIR is inherited: files that the library maps into memory can kill a process.
values.ValueClass = values.MutexValue

REGISTRATION_BUCKETS = (0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 3600)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MAX_KEYS = 50  #: API keys that have a label of their own: an operator may create any number
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The values of the gauges, read when somebody scrapes."""

    at: float  #: seconds since 1970
    holder: Holder  #: of the lease
    machine: str  #: this one's name
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
    foreign: int  #: operations of the registrar that are in no transaction of the ledger
    work_seconds: float | None  #: that a challenge takes a phone; None: nobody is asked for work
    lists_problem: bool  #: the file of lists was changed, and can't be read
    log_size: int  #: bytes of the ledger's write-ahead log


class Metrics:
    """Counters and gauges, in a registry of their own. Labels are names of ours, never what a client sent.

    Where several processes serve, each of them shows the sum of their counts, and the gauges as it reads them itself.
    """

    def __init__(self, folder: Path | None = None, process: str = "") -> None:
        """`folder` is where several processes share their counts, and `process` the name of this one."""
        registry = CollectorRegistry()
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
            "faucet_http_request_seconds", "Requests by route, method and status", ["route", "method", "status"],
            buckets=REQUEST_BUCKETS, registry=registry,
        )  # fmt: skip
        self.task_failures = Counter(
            "faucet_task_failures", "Background tasks that failed and were started again", ["task"], registry=registry
        )
        self.malformed_operations = Counter(
            "faucet_malformed_operations", "Operations in blocks that can't be read", registry=registry
        )
        self._count_denied_and_erased(registry)
        self._count_api_keys(registry)
        self._count_work(registry)
        self._count_limits(registry)
        self._count_processes_and_connections(registry)
        # A lookup by labels takes the library longer than the count itself.
        self.signups = cache(signups.labels)
        self.requests = cache(requests.labels)
        self._jobs = _gauge("faucet_jobs", "Jobs by state", registry, "state")
        self._paused = _gauge("faucet_paused", "1 if intake or drain is paused", registry, "part")
        self._alert = _gauge("faucet_alert", "1 while the alert is open", registry, "name")
        self._gauges = [(_gauge(name, text, registry), value) for name, text, value in GAUGES]
        self._registry = registry
        self._shared = None if folder is None else SharedCounts(folder, process, registry)

    def _count_denied_and_erased(self, registry: CollectorRegistry) -> None:
        denied = Counter("faucet_denied", "Signups that a list denied, by list", ["list"], registry=registry)
        self.denied = cache(denied.labels)
        for reason in Reason:  # exported from 0 on
            self.denied(reason)
        self.personal_erased = Counter(
            "faucet_personal_erased", "Jobs whose personal data were old, and erased", registry=registry
        )

    def _count_api_keys(self, registry: CollectorRegistry) -> None:
        self._api_key_signups = Counter(
            "faucet_api_key_signups", "Signups with API keys, by the key's number and outcome", ["key", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._api_keys: set[int] = set()  # that have a label

    def api_key_signups(self, key: int, outcome: str) -> Counter:
        """The count of what became of signups with the API key of this number."""
        if len(self._api_keys) < MAX_KEYS:
            self._api_keys.add(key)
        return self._api_key_signups.labels(str(key) if key in self._api_keys else "other", outcome)

    def _count_work(self, registry: CollectorRegistry) -> None:
        self.challenges = Counter("faucet_challenges", "Challenges of proof of work that were made", registry=registry)
        proofs = Counter("faucet_proofs", "Proofs of work that came in, by outcome", ["outcome"], registry=registry)
        self.proofs = cache(proofs.labels)
        for outcome in Outcome:  # exported from 0 on
            self.proofs(outcome)

    def _count_limits(self, registry: CollectorRegistry) -> None:
        self.invited = Counter("faucet_invited", "Signups accepted with an invitation", registry=registry)
        throttled = Counter(
            "faucet_throttled", "Signups refused, by the limit that was reached", ["limit"], registry=registry
        )
        self.throttled = cache(throttled.labels)

    def _count_processes_and_connections(self, registry: CollectorRegistry) -> None:
        self.process_restarts = Counter(
            "faucet_process_restarts", "Processes that were started again", ["process", "reason"], registry=registry
        )
        self.connections_closed = Counter(
            "faucet_connections_closed", "Connections that the faucet closed", ["reason"], registry=registry
        )
        self.accept_pauses = Counter(
            "faucet_accept_pauses", "Moments in which no connection was accepted", registry=registry
        )

    async def share(self) -> None:
        """Let the other processes know the counts, until this is cancelled; return at once where there are none."""
        if self._shared is not None:
            await self._shared.keep()

    async def render(self, now: MetricsSnapshot) -> bytes:
        """All metrics as text; the gauges as they are `now`."""
        for state in State:
            self._jobs.labels(state=state).set(now.counts.get(state, 0))
        for part in PARTS:
            self._paused.labels(part=part).set(part in now.paused)
        for name in ALERTS:
            self._alert.labels(name=name).set(name in now.alerts)
        for gauge, value_of in self._gauges:
            value = value_of(now)
            gauge.set(float("nan") if value is None else float(value))
        if self._shared is None:
            return generate_latest(self._registry)
        return await asyncio.to_thread(generate_latest, self._shared)  # it reads files


def _core_asset(satoshi: int | None, chain_status: ChainStatus) -> Decimal | None:
    return None if satoshi is None else Decimal(satoshi).scaleb(-(chain_status.precision or 0))


def _owned_here(now: MetricsSnapshot) -> bool:
    return _lease_left(now) > 0 and now.holder.owner == now.machine


def _lease_left(now: MetricsSnapshot) -> float:
    return now.holder.seconds_left(int(now.at * 1000))


def _head_age(now: MetricsSnapshot) -> float | None:
    head = now.chain_status.head_time
    return None if head is None else now.at - head


#: The gauges without labels: name, help text, and the value that a snapshot has; None is shown as NaN.
GAUGES: tuple[tuple[str, str, Callable[[MetricsSnapshot], float | Decimal | None]], ...] = (
    ("faucet_registrar_balance", "The registrar's core asset",
     lambda now: _core_asset(now.chain_status.balance, now.chain_status)),
    ("faucet_account_fee", "Core asset that an account costs now",
     lambda now: _core_asset(now.chain_status.fee, now.chain_status)),
    ("faucet_max_fee", "Core asset that an account may cost",
     lambda now: _core_asset(now.chain_status.max_fee, now.chain_status)),
    ("faucet_daily_budget", "Core asset that may leave the registrar today",
     lambda now: _core_asset(now.chain_status.budget, now.chain_status)),
    ("faucet_budget_left", "Core asset that is left of today's budget",
     lambda now: _core_asset(now.left, now.chain_status)),
    ("faucet_chain_owned", "1 if a process owns the chain", lambda now: _lease_left(now) > 0),
    ("faucet_owner", "1 if a process of this machine owns the chain", _owned_here),
    ("faucet_owner_epoch", "Number of the chain's last owner", lambda now: now.holder.epoch),
    ("faucet_lease_seconds", "Seconds that the lease on the chain lasts unless it is renewed", _lease_left),
    ("faucet_chain_connected", "1 if a node is in use", lambda now: now.chain_status.connected),
    ("faucet_chain_head_block", "Number of the head block", lambda now: now.chain_status.head_block or 0),
    ("faucet_chain_head_age_seconds", "Age of the head block", _head_age),
    ("faucet_chain_failovers", "Failovers to another node", lambda now: now.chain_status.failovers),
    ("faucet_node_stranger", "1 if the node in use is not an own one", lambda now: now.chain_status.stranger),
    ("faucet_unconfirmed", "1 if nothing can be confirmed as irreversible",
     lambda now: now.chain_status.unconfirmed is not None),
    ("faucet_oldest_job_seconds", "Wait of the oldest queued job", lambda now: now.oldest),
    ("faucet_signups_paid", "Signups that the balance pays for", lambda now: now.signups),
    ("faucet_runway_days", "Days that the balance lasts at the last day's rate", lambda now: now.days),
    ("faucet_payments_held", "Initial balances that an operator must release", lambda now: now.held),
    ("faucet_payments_owed", "Initial balances owed though none is configured", lambda now: now.owed),
    ("faucet_ready", "1 if a new user can register now", lambda now: now.ready),
    ("faucet_mails_waiting", "Mails that the mail server has not taken", lambda now: now.mails),
    ("faucet_reconciled_block", "Last block compared with the ledger", lambda now: now.reconciled),
    ("faucet_ledger_log_bytes", "Size of the ledger's write-ahead log", lambda now: now.log_size),
    ("faucet_work_seconds", "Seconds that proof of work takes a phone now", lambda now: now.work_seconds),
    ("faucet_lists_problem", "1 if what the file of lists says now is not in force", lambda now: now.lists_problem),
    ("faucet_differences", "Places where ledger and chain disagree", lambda now: now.differences),
    ("faucet_foreign_operations", "Operations of the registrar that another faucet made, or a person by hand",
     lambda now: now.foreign),
)  # fmt: skip


def _gauge(name: str, text: str, registry: CollectorRegistry, *labels: str) -> Gauge:
    """A gauge of the ledger or the chain, which every process can read."""
    return Gauge(name, text, labels, registry=registry)
