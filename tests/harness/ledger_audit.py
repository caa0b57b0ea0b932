"""Who wrote what the chain's owner alone may write to a ledger in PostgreSQL: counted by triggers of the tests' own."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from tests.harness.remote_machines import Database

RETRY_DELAY = 0.1  #: seconds between two attempts while the server is away
OWNERS = ("transactions", "operations", "blocks")  #: the tables that the chain's owner alone writes

#: A row for each owner and machine that wrote: triggers count its statements. It is beside the ledger, not in it.
AUDIT = """
    CREATE SCHEMA {audit};
    CREATE TABLE {audit}.writes (
        place TEXT, epoch BIGINT, owner TEXT, writer TEXT, statements BIGINT, PRIMARY KEY (place, epoch, owner, writer)
    );
    CREATE FUNCTION {audit}.record() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO {audit}.writes
        SELECT TG_TABLE_NAME, epoch, coalesce(owner, 'nobody'), current_setting('application_name'), 1
        FROM {ledger}.ledger
        ON CONFLICT (place, epoch, owner, writer) DO UPDATE SET statements = writes.statements + 1;
        RETURN NULL;
    END $$;
"""
TRIGGER = """
    CREATE TRIGGER audit_{table} AFTER INSERT OR UPDATE OR DELETE ON {ledger}.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION {audit}.record();
"""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Writes:
    """Statements of one machine on the owner's tables in one epoch."""

    place: str
    epoch: int
    owner: str  #: of the chain in that epoch
    writer: str
    statements: int


class LedgerAudit:
    """Questions to the ledger, asked again while PostgreSQL is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit = f"audit_of_{database.schema}"

    def install(self) -> None:
        """Record from now on who writes what the owner alone may."""
        parts = [AUDIT, *(TRIGGER.replace("{table}", table) for table in OWNERS)]
        for sql in parts:
            statement = sql.replace("{audit}", self._audit).replace("{ledger}", self._database.schema)
            with self._database.server.connect() as session:
                session.execute(statement)

    async def owner(self) -> str | None:
        """The machine that owns the chain; None: none does."""
        rows = await self.answered(lambda: asyncio.to_thread(self._database.rows, "SELECT owner FROM ledger"))
        owner: str | None = rows[0]["owner"]
        return owner

    def epoch(self) -> int:
        """How many owners there were."""
        return int(self._database.rows("SELECT epoch FROM ledger")[0]["epoch"])

    async def session_of(self, machine: str) -> int | None:
        """The process of one of its sessions."""
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s ORDER BY random() LIMIT 1"
        rows = await self.answered(lambda: asyncio.to_thread(self._database.rows, query, machine))
        return rows[0]["pid"] if rows else None

    async def answered(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """What `ask` returns once PostgreSQL answers."""
        while True:
            with contextlib.suppress(psycopg.Error):
                return await ask()
            await asyncio.sleep(RETRY_DELAY)

    def writes(self) -> list[Writes]:
        """Who wrote what the owner alone may."""
        rows = self._database.rows(f"SELECT * FROM {self._audit}.writes ORDER BY epoch, place")
        return [Writes(**row) for row in rows]


def strays(writes: Iterable[Writes]) -> list[str]:
    """One sentence for each write by a machine that did not own the chain any more, or not yet."""
    return [
        f"epoch {each.epoch} was {each.owner}'s, and {each.writer} wrote to {each.place}, {each.statements} statements"
        for each in writes
        if each.writer != each.owner
    ]
