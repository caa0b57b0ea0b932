"""The inputs of conditions, and what they return. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jobs.model.chain import ChainStatus
from jobs.model.downtime import Downtime
from jobs.model.operators import Failure, Pause
from jobs.model.owner import Holder
from jobs.settings import Settings

FAILURE_WINDOW = 600  #: seconds in which failures are counted


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it is now."""

    name: str
    ok: bool
    text: str  #: its sentence, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStatus:
    """What conditions need to know of the ledger, beside the chain's status in it."""

    spent: int = 0  #: satoshi, since midnight UTC
    intake: Pause | None = None
    drain: Pause | None = None
    oldest: int | None = None  #: when the oldest queued job was accepted, milliseconds since 1970; None: there is none
    accepted: int = 0  #: signups in the last 24 hours
    failures: Mapping[str, int] = field(default_factory=dict)  #: by code, in the last FAILURE_WINDOW seconds
    differences: int = 0  #: between ledger and chain
    held: int = 0  #: jobs whose initial balance waits for an operator
    owed: int = 0  #: accounts that wait for an initial balance though none is configured
    downtime: Downtime = field(default_factory=Downtime)
    holder: Holder | None = None  #: of the lease on the chain; None where that was not looked at
    ownerless_since: int | None = None  #: when it was first seen that nobody owns the chain, milliseconds since 1970
    unfit: str | None = None  #: the sentence where its database could forget what it confirms
    task_failures: Mapping[str, Failure] = field(default_factory=dict)  #: the last of each background task, by name


@dataclass(frozen=True, slots=True)
class Input:
    """All that a condition may depend on."""

    status: ChainStatus
    settings: Settings
    now: float  #: seconds since 1970
    ledger: LedgerStatus

    def elapsed(self, since: float) -> float:
        """Seconds from `since`, seconds since 1970, until now in which the faucet ran."""
        return self.ledger.downtime.elapsed(since, self.now)

    @property
    def stale(self) -> bool:
        """Whether no node has shown the registrar's account since the faucet runs."""
        return (self.status.observed_at or 0) / 1000 < self.ledger.downtime.running_since


Result = tuple[bool, str] | None  #: whether it holds, and its sentence; None: it does not apply, or is not known yet
Evaluator = Callable[[Input], Result]
