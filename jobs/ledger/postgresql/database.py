"""The ledger's tables in a database: made, migrated and checked before they are used."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import psycopg

from jobs.ledger.errors import LedgerError, OldLedgerError
from jobs.ledger.moved import MOVED, why_unused
from jobs.ledger.postgresql.errors import connection_failure
from jobs.ledger.postgresql.fitness import READ_ONLY, look, problems
from jobs.ledger.postgresql.link import DatabaseLink, Session
from jobs.ledger.scripts import scripts_in

SCHEMA = Path(__file__).parents[3] / "faucet.postgresql.sql"
#: The script N.sql takes a ledger from version N - 1 to N.
MIGRATIONS_FOLDER = Path(__file__).with_name("migrations")

CURRENT = len(scripts_in(MIGRATIONS_FOLDER)) + 1  #: version of the schema that this program knows

_EXISTS = "SELECT to_regclass('ledger') IS NOT NULL AS made, to_regclass('jobs') IS NOT NULL AS used"
_VERSION = "SELECT version FROM ledger"
#: How long a migration waits for a table that others read, such as a dump: it has the turn, and holds up everybody.
TABLE_WAIT = "5s"
_LIMIT_WAIT = "SET LOCAL lock_timeout = '{wait}'"
_SET_VERSION = "UPDATE ledger SET version = %s"
#: Another machine made it at the same time.
_MADE_MEANWHILE = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable)


def prepare(url: str) -> None:
    """Make or migrate the ledger in the database at `url`.

    Raises LedgerError, also where the server isn't fit, or the ledger was moved.
    """
    with linked(url) as link:
        check_fit(link)
        prepare_tables(link)
        link.use(_check_unmoved)


def check_fit(link: DatabaseLink) -> None:
    """Raise LedgerError where the server must not hold the ledger."""
    if found := link.use(problems_in):
        raise LedgerError(f"the ledger's database: {'; '.join(found)}")


def unfit(session: Session) -> str | None:
    """Why the server of this session must not hold the ledger; None where it may. Raises psycopg.Error."""
    return "; ".join(problems_in(session)) or None


def prepare_tables(link: DatabaseLink) -> None:
    """Make or migrate the ledger in that database. Raises LedgerError, psycopg.Error."""
    with contextlib.suppress(*_MADE_MEANWHILE):
        link.use(_prepare)
        return
    link.use(_prepare)


def _prepare(session: Session) -> None:
    make_or_migrate(session, SCHEMA.read_text(), scripts_in(MIGRATIONS_FOLDER))


def _check_unmoved(session: Session) -> None:
    (row,) = session.execute(MOVED).fetchall()
    if (refusal := why_unused(**row)) is not None:
        raise refusal


def make_or_migrate(session: Session, schema: str, migrations: Sequence[str]) -> None:
    """Make a ledger where there is none, or bring an older one to the current version.

    Raises LedgerError for a newer ledger, or tables that are no ledger.
    """
    session.execute("BEGIN")
    if is_made(session):
        _migrate(session, migrations)
    else:
        session.execute(schema)
        session.execute(_SET_VERSION, (len(migrations) + 1,))
    session.execute("COMMIT")


def unfitness(url: str) -> list[str]:
    """A sentence for each reason why the server at `url` must not hold the ledger. Raises LedgerError."""
    with linked(url) as link:
        return link.use(problems_in)


def problems_in(session: Session) -> list[str]:
    """The same, in a session. Raises psycopg.Error."""
    return problems(look(session, _tables()))


@cache
def _tables() -> list[str]:
    return re.findall(r"^CREATE TABLE (\w+)", SCHEMA.read_text(), re.MULTILINE)


def check_version(url: str) -> None:
    """Raise LedgerError unless there is a ledger of the current version in the database. Changes nothing."""
    with linked(url) as link:
        link.use(check_version_in)
        link.use(_check_unmoved)


def too_new(version: int) -> LedgerError:
    """Why this program can't use a ledger of this `version`."""
    return LedgerError(f"the ledger has version {version}, this program knows up to {CURRENT}: upgrade it")


def check_version_in(session: Session) -> None:
    """Raise LedgerError unless the database of this session has a ledger of the current version."""
    if not is_made(session):
        raise OldLedgerError("there is none in the database, and it is made when the faucet starts")
    version = _version(session, _VERSION)
    if version > CURRENT:
        raise too_new(version)
    if version < CURRENT:
        raise OldLedgerError(f"the ledger has version {version}, and is migrated when the faucet starts")


def _migrate(session: Session, migrations: Sequence[str]) -> None:
    # Whoever has the row migrates; others wait for it, and find it done.
    version, current = _version(session, f"{_VERSION} FOR UPDATE"), len(migrations) + 1
    if version > current:
        raise LedgerError(f"the ledger has version {version}, this program knows up to {current}: upgrade it")
    if version == current:
        return
    session.execute(_LIMIT_WAIT.format(wait=TABLE_WAIT))
    for script in migrations[version - 1 :]:
        session.execute(script)
    session.execute(_SET_VERSION, (current,))


def is_made(session: Session) -> bool:
    """Whether the database of this session has a ledger. Raises LedgerError where it has other tables."""
    (row,) = session.execute(_EXISTS).fetchall()
    if row["used"] and not row["made"]:
        raise LedgerError("the database has tables, but they are not a ledger")
    return bool(row["made"])


def _version(session: Session, sql: str) -> int:
    (row,) = session.execute(sql).fetchall()
    return int(row["version"])


@contextlib.contextmanager
def linked(url: str, **options: str) -> Iterator[DatabaseLink]:
    """A connection for this, with such `options`.

    psycopg's errors become LedgerErrors, and what they quote of rows stays out.
    """
    try:
        link = DatabaseLink(url, **options)
        try:
            yield link
        finally:
            link.drop()
    except psycopg.Error as error:
        told = READ_ONLY if error.sqlstate is None and _is_read_only(url) else connection_failure(error)
        raise LedgerError(f"the ledger's database: {told}") from None


def _is_read_only(url: str) -> bool:
    """Whether a server answers at `url`, but none that takes writes: libpq says so only in words."""
    link = DatabaseLink(url, target_session_attrs="read-only")
    try:
        link.use(lambda session: session.execute("SELECT 1"))
    except psycopg.Error:
        return False
    finally:
        link.drop()
    return True
