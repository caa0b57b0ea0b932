"""What is counted and measured, in the Prometheus text format."""

from collections.abc import Mapping
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from jobs.model import ChainFacts, State

REGISTRATION_BUCKETS = (0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 3600)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class Metrics:
    """One process's metrics, in a registry of their own. Labels are names of ours, never what a client sent."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.signups_total = Counter("faucet_signups", "Signups by outcome", ["outcome"], registry=registry)
        self.registration_seconds = Histogram(
            "faucet_registration_seconds", "Accepted to in a block", buckets=REGISTRATION_BUCKETS, registry=registry
        )
        self.batch_accounts = Histogram(
            "faucet_batch_accounts", "Accounts in a transaction", buckets=BATCH_BUCKETS, registry=registry
        )
        self.transactions_total = Counter(
            "faucet_transactions", "Broadcasts by kind and outcome", ["kind", "outcome"], registry=registry
        )
        self.http_request_seconds = Histogram(
            "faucet_http_request_seconds",
            "Requests by route, method and status",
            ["route", "method", "status"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self._jobs = Gauge("faucet_jobs", "Jobs by state", ["state"], registry=registry)
        self._balance = Gauge("faucet_registrar_balance", "The registrar's core asset", registry=registry)
        self._fee = Gauge("faucet_account_fee", "Core asset that an account costs now", registry=registry)
        self._connected = Gauge("faucet_chain_connected", "1 if a node is in use", registry=registry)
        self._head_block = Gauge("faucet_chain_head_block", "Number of the head block", registry=registry)
        self._head_age = Gauge("faucet_chain_head_age_seconds", "Age of the head block", registry=registry)

    def render(self, counts: Mapping[State, int], facts: ChainFacts, now: float) -> bytes:
        """All metrics as text; those of the ledger and the chain as they are `now`, seconds since 1970."""
        for state in State:
            self._jobs.labels(state=state).set(counts.get(state, 0))
        self._connected.set(facts.connected)
        scale = -(facts.precision or 0)
        for gauge, satoshi in ((self._balance, facts.balance), (self._fee, facts.fee)):
            gauge.set(float("nan") if satoshi is None else float(Decimal(satoshi).scaleb(scale)))
        self._head_block.set(facts.head_block or 0)
        self._head_age.set(float("nan") if facts.head_time is None else now - facts.head_time)
        return generate_latest(self._registry)
