"""Who owns the chain, and who may."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A process that may own the chain."""

    machine: str  #: its machine's name, for people
    process: str  #: which process it is: jobs.ledger.processes


@dataclass(frozen=True, slots=True)
class Holder:
    """What the ledger says of the owner of the chain."""

    epoch: int = 0  #: number of the last owner
    owner: str | None = None  #: its machine's name; None: nobody owns the chain
    process: str | None = None  #: which process it is
    until: int = 0  #: when its lease ends, or the last one ended, milliseconds since 1970, UTC; 0: there was none

    def owns(self, now: int) -> bool:
        """Whether somebody owns the chain at `now`, milliseconds."""
        return self.owner is not None and now < self.until

    def seconds_left(self, now: int) -> float:
        """Seconds that the lease lasts from `now`, milliseconds, unless it is renewed; 0 if nobody owns the chain."""
        return (self.until - now) / 1000 if self.owns(now) else 0.0
