"""The ledger: the only SQL. Its parts hold the public methods, and each of these is one transaction."""

import os
import time
from collections import deque
from collections.abc import Callable

from jobs.ledger.activity import Activity
from jobs.ledger.api_keys import ApiKeys
from jobs.ledger.blocks import BlockLog
from jobs.ledger.chain_status import SavedChainStatus
from jobs.ledger.change_poller import ChangePoller
from jobs.ledger.decisions import Decisions
from jobs.ledger.downtime import SavedDowntime
from jobs.ledger.drain import DrainQueue
from jobs.ledger.engines import Location, is_new, open_engine, open_engine_to_read, unfitness
from jobs.ledger.errors import (
    ConstraintError,
    DeposedError,
    IllegalMoveError,
    LedgerError,
    OldLedgerError,
    unfit_sentence,
)
from jobs.ledger.expiry import Expiry
from jobs.ledger.invitations import Invitations
from jobs.ledger.lease import Lease
from jobs.ledger.login_failures import LoginFailures
from jobs.ledger.names import Names
from jobs.ledger.operators import OperatorActions
from jobs.ledger.outbox import Outbox
from jobs.ledger.pauses import Pauses
from jobs.ledger.personal import PersonalData
from jobs.ledger.pins import Pins
from jobs.ledger.queries import Queries
from jobs.ledger.reconciliation import Reconciliations
from jobs.ledger.referrers import Referrers
from jobs.ledger.search import Search
from jobs.ledger.sessions import Sessions
from jobs.ledger.signups import Signups
from jobs.ledger.spending import Spending
from jobs.ledger.store import Store, Tx
from jobs.ledger.work import Work

# The row is deleted first: an UPDATE that changes nothing writes nothing, not to a full disk either.
DELETE_CHECK = "DELETE FROM facts WHERE name = 'checked_at'"
INSERT_CHECK = "INSERT INTO facts (name, value) VALUES ('checked_at', ?)"

RANDOM_SIZE = 10  #: bytes of a job's id
DRAWN = 100  #: ids

__all__ = ["ConstraintError", "DeposedError", "IllegalMoveError", "Ledger", "LedgerError", "OldLedgerError"]


class RandomParts:
    """Random bytes from the system, drawn for many ids at once: at a system call a thread may lose the interpreter."""

    def __init__(self) -> None:
        self._parts: deque[bytes] = deque()  # which threads may share

    def draw(self) -> bytes:
        """RANDOM_SIZE bytes that nobody had."""
        try:
            return self._parts.popleft()
        except IndexError:
            drawn = os.urandom(RANDOM_SIZE * DRAWN)
            self._parts.extend(drawn[at : at + RANDOM_SIZE] for at in range(RANDOM_SIZE, len(drawn), RANDOM_SIZE))
            return drawn[:RANDOM_SIZE]


_RANDOM = RandomParts()


def random_job_id() -> str:
    """The time and 80 random bits in hex: nobody guesses another's job or counts the signups, no shell trips over one.

    Ids of one time are neighbours in the index. If all of an id was random, each signup would write a page of its own.
    """
    return f"{time.time_ns() // 1_000_000:012x}{_RANDOM.draw().hex()}"


class Ledger:
    """Every signup, what was signed for it, and what became of that."""

    def __init__(self, store: Store, *, random_id: Callable[[], str] = random_job_id) -> None:
        self._store = store
        self._random_id = random_id
        self.changes = store.changes
        self.deposed = store.deposed  #: set once an owner's ledger refuses to write, since another epoch began
        self.lease = Lease(store)
        self.now = store.now
        self.signups = Signups(store, random_id)
        self.invitations = Invitations(store)
        self.api_keys = ApiKeys(store)
        self.work = Work(store)
        self.drain = DrainQueue(store)
        self.spending = Spending(store)
        self.blocks = BlockLog(store)
        self.expiry = Expiry(store)
        self.reconciliation = Reconciliations(store, random_id)
        self.operators = OperatorActions(store)
        self.personal = PersonalData(store)
        self.login_failures = LoginFailures(store)
        self.sessions = Sessions(store)
        self.queries = Queries(store)
        self.search = Search(store)
        self.activity = Activity(store)
        self.chain_status = SavedChainStatus(store)
        self.downtime = SavedDowntime(store)
        self.pauses = Pauses(store)
        self.pins = Pins(store)
        self.names = Names(store)
        self.referrers = Referrers(store)
        self.outbox = Outbox(store)
        self.change_poller = ChangePoller(store)
        self.decisions = Decisions(store)

    @classmethod
    async def open(
        cls,
        location: Location,
        *,
        clock: Callable[[], float] | None = None,
        random_id: Callable[[], str] = random_job_id,
    ) -> "Ledger":
        """The ledger at `location`, made or migrated as needed.

        Raises LedgerError, also where the database could lose what it confirms.
        """
        return cls(Store(await open_engine(location, clock)), random_id=random_id)

    @staticmethod
    def is_new(location: Location) -> bool:
        """Whether there is nothing of a ledger in a file yet; of a database, only opening it tells."""
        return is_new(location)

    @staticmethod
    async def unfitness(location: Location) -> list[str]:
        """A sentence for each reason why a database must not hold the ledger; a file always may. Raises LedgerError."""
        return await unfitness(location)

    @classmethod
    async def open_to_read(cls, location: Location, *, clock: Callable[[], float] | None = None) -> "Ledger":
        """The ledger at `location`, for reading only. Raises LedgerError, OldLedgerError for an older one."""
        return cls(Store(await open_engine_to_read(location, clock)))

    def as_owner(self, epoch: int) -> "Ledger":
        """The same ledger, for the owner of the chain of this `epoch`.

        Each write raises DeposedError, and nothing of it is kept, once another epoch has begun.
        """
        return type(self)(self._store.as_owner(epoch), random_id=self._random_id)

    async def check_writable(self) -> None:
        """Raises FaucetError `ledger_unavailable`, the engine's error its cause, unless a change can be kept."""

        def step(tx: Tx) -> None:
            tx.execute(DELETE_CHECK)
            tx.execute(INSERT_CHECK, (str(tx.now),))

        await self._store.run(step)

    async def unfit(self) -> str | None:
        """The sentence where the database, as it is now, could forget what it confirms: nothing is signed then.

        Raises FaucetError `ledger_unavailable`.
        """
        why = await self._store.unfit()
        return None if why is None else unfit_sentence(why)

    def misplaced(self) -> str | None:
        """The sentence if the ledger was removed, replaced, moved or overwritten since it was opened.

        Nothing is committed then.
        """
        return self._store.misplaced()

    async def rescue(self) -> None:
        """Write what the log holds into the file that was opened, wherever that is now, unless it was overwritten.

        Raises FaucetError `ledger_unavailable`.
        """
        await self._store.rescue()

    def log_size(self) -> int:
        """Bytes of the write-ahead log."""
        return self._store.log_size()

    async def close(self) -> None:
        """Commit and answer what was submitted, then close. A second call does nothing."""
        await self.signups.finish()
        await self._store.close()
