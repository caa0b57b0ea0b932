"""What is counted and measured, in the Prometheus text format."""

import os
from collections.abc import Mapping
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from jobs.model import ChainFacts, State

REGISTRATION_BUCKETS = (0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 3600)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class Metrics:
    """What is counted, in a registry of its own. Labels are names of ours, never what a client sent.

    Where several processes serve, the library keeps their counts in files of the folder PROMETHEUS_MULTIPROC_DIR, and
    each of them shows the sum.
    """

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
        self._jobs = _gauge("faucet_jobs", "Jobs by state", registry, "state")
        self._balance = _gauge("faucet_registrar_balance", "The registrar's core asset", registry)
        self._fee = _gauge("faucet_account_fee", "Core asset that an account costs now", registry)
        self._connected = _gauge("faucet_chain_connected", "1 if a node is in use", registry)
        self._head_block = _gauge("faucet_chain_head_block", "Number of the head block", registry)
        self._head_age = _gauge("faucet_chain_head_age_seconds", "Age of the head block", registry)

        self._shown = _of_all_processes() if "PROMETHEUS_MULTIPROC_DIR" in os.environ else registry

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
        return generate_latest(self._shown)


def _gauge(name: str, text: str, registry: CollectorRegistry, *labels: str) -> Gauge:
    """A gauge of the ledger or the chain: every process shows the same, so the newest value is it."""
    return Gauge(name, text, labels, registry=registry, multiprocess_mode="mostrecent")


def _of_all_processes() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types there
    return registry
