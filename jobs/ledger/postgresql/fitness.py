"""Whether a PostgreSQL server keeps what it confirms, here and through a failover: else money is paid twice.

What is asked for is what holds in the faucet's own session, wherever it was set: for the server, the database or the
role.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.ledger.postgresql.link import Session

OLDEST = 15  #: PostgreSQL's first version that the ledger is made for
MAX_CLOCK_DIFFERENCE = 5.0  #: seconds

READ_ONLY = (
    "the server takes no writes, as a standby does: name the primary in the ledger's URL, or all servers, of which "
    "target_session_attrs=read-write finds it"
)
FSYNC_OFF = "fsync is off: if the server's machine crashes, the ledger is damaged, or forgets what was paid"
PAGES_TORN = "full_page_writes is off: if the server's machine crashes amid a write, the ledger is damaged"
COMMIT_UNSAFE = (
    "synchronous_commit is off, for the server, the database or the role: after a crash the ledger lacks its last "
    "commits, and what they paid is paid again"
)
COMMIT_LOCAL = (
    "synchronous_commit is local, for the server, the database or the role: no commit waits for the standby, and after "
    "a failover what the last ones paid is paid again"
)
NO_SCHEMA = "the role {role} may use no schema of its search_path: GRANT USAGE, CREATE ON SCHEMA … TO {role}"
NO_CREATE = "the role {role} may make no tables in the schema {schema}: GRANT CREATE ON SCHEMA {schema} TO {role}"
NO_RIGHTS = (
    "the role {role} may not read and write all tables of the ledger: GRANT SELECT, INSERT, UPDATE, DELETE ON {denied} "
    "TO {role}"
)

# Whoever only copies the log, or subscribes to tables, is never promoted. A slot that nobody uses waits for a standby.
LOOK = """
    SELECT CAST(current_setting('server_version_num') AS INTEGER) / 10000 AS version,
        current_setting('server_encoding') AS encoding,
        current_setting('fsync') AS fsync,
        current_setting('full_page_writes') AS full_page_writes,
        current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('synchronous_standby_names') AS synchronous_standby_names,
        current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery() AS read_only,
        (SELECT string_agg(DISTINCT name, ', ') FROM (
            SELECT coalesce(nullif(application_name, ''), 'unnamed') AS name FROM pg_stat_replication
            WHERE coalesce(application_name, '') NOT IN ('pg_basebackup', 'pg_receivewal', 'barman_receive_wal')
                AND pid NOT IN (SELECT active_pid FROM pg_replication_slots
                    WHERE slot_type = 'logical' AND active_pid IS NOT NULL)
            UNION SELECT slot_name FROM pg_replication_slots
            WHERE slot_type = 'physical' AND NOT temporary AND active_pid IS NULL
        ) AS standbys) AS standbys,
        CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION) AS now,
        CAST(quote_ident(current_user) AS TEXT) AS role,
        quote_ident(current_schema()) AS schema,
        has_schema_privilege(current_schema(), 'CREATE') AS may_create,
        to_regclass('ledger') IS NOT NULL AS made,
        (SELECT string_agg(quote_ident(relname), ', ' ORDER BY relname) FROM pg_class
            WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relname = ANY (%s) AND NOT (
                has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))) AS denied
"""


@dataclass(frozen=True, slots=True)
class Server:
    """What a session says of its server, and of what it may do there."""

    version: int
    encoding: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    synchronous_standby_names: str
    read_only: bool
    standbys: str | None  #: the names of those that could be promoted
    role: str
    schema: str | None  #: where the ledger is, or would be made; None: nowhere
    may_create: bool | None
    made: bool  #: whether there is a ledger
    denied: str | None  #: those of its tables that the role can't read and write
    ahead: float  #: seconds between its clock and this machine's


def look(session: Session, tables: list[str], clock: Callable[[], float] = time.time) -> Server:
    """What the server of `session` is; `tables` are the ledger's. Raises psycopg.Error."""
    before = clock()
    (row,) = session.execute(LOOK, (tables,)).fetchall()
    after = clock()
    now = row.pop("now")
    # It was read at some time between the two.
    ahead = now - after if now > after else min(0.0, now - before)
    return Server(**row, ahead=ahead)


def problems(server: Server) -> list[str]:
    """A sentence for each reason why `server` must not hold the ledger; empty if it may."""
    if server.read_only:
        return [READ_ONLY]
    found = (_of_program(server), *_of_durability(server), _of_failover(server), _of_clock(server), _of_rights(server))
    return [sentence for sentence in found if sentence is not None]


def _of_program(server: Server) -> str | None:
    if server.version < OLDEST:
        return f"PostgreSQL {server.version} is too old: the ledger needs {OLDEST} or later"
    if server.encoding != "UTF8":
        return f"the database's encoding is {server.encoding}: make it anew, with ENCODING 'UTF8'"
    return None


def _of_durability(server: Server) -> tuple[str | None, ...]:
    return (
        FSYNC_OFF if server.fsync == "off" else None,
        PAGES_TORN if server.full_page_writes == "off" else None,
        COMMIT_UNSAFE if server.synchronous_commit == "off" else None,
    )


def _of_failover(server: Server) -> str | None:
    if not server.synchronous_standby_names:
        return None if server.standbys is None else (
            f"a standby may take over ({server.standbys}), but synchronous_standby_names is empty: it would lack the "
            "last commits, and what they paid would be paid again"
        )  # fmt: skip
    return COMMIT_LOCAL if server.synchronous_commit == "local" else None


def _of_clock(server: Server) -> str | None:
    if abs(server.ahead) <= MAX_CLOCK_DIFFERENCE:
        return None
    side = "ahead of" if server.ahead > 0 else "behind"
    return f"the server's clock is {abs(server.ahead):.0f} s {side} this machine's: set both by NTP"


def _of_rights(server: Server) -> str | None:
    if server.schema is None:
        return NO_SCHEMA.format(role=server.role)
    if not server.made:
        return None if server.may_create else NO_CREATE.format(role=server.role, schema=server.schema)
    return None if server.denied is None else NO_RIGHTS.format(role=server.role, denied=server.denied)
