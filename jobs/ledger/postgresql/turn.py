"""The turn: who has the one row of the table ledger is alone, of all machines, until the end of its transaction."""

import logging

import psycopg
from psycopg.rows import DictRow

from jobs.ledger.postgresql.link import MOVER, Session

log = logging.getLogger("faucet.ledger")

#: Whoever stands still amid a transaction loses it after two seconds, by the server's clock. The time is taken once the
#: row is had: it is everybody's, whatever the clocks of their machines say.
BEGIN_TURN = """
    BEGIN; SET LOCAL lock_timeout = '{wait}'; SET LOCAL idle_in_transaction_session_timeout = '2s';
    SELECT turn.*, CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) AS now
    FROM (SELECT version, epoch, moved_to, moving_from FROM ledger FOR UPDATE) AS turn
"""
#: How long it is waited for: five seconds in all.
WAITS = "2s", "3s"
#: Sessions that have the turn, and have waited for their clients for two seconds. The server ends by itself those that
#: stand still between two statements, but neither one whose client stopped amid a message or a pipeline, nor a shell.
END_STALLED = f"""
    SELECT pg_terminate_backend(pid, 1000) AS ended, application_name AS application FROM pg_stat_activity
    WHERE datname = current_database() AND application_name <> '{MOVER}' AND wait_event_type = 'Client'
      AND greatest(query_start, state_change) < clock_timestamp() - INTERVAL '2 seconds'
      AND pid IN (SELECT pid FROM pg_locks WHERE relation = CAST('ledger' AS regclass) AND mode <> 'AccessShareLock')
"""


def begin(session: Session) -> DictRow:
    """Begin a transaction; the turn's row. Raises psycopg.Error, LockNotAvailable where another one is too slow."""
    first, second = WAITS
    try:
        return _begin(session, first)
    except psycopg.errors.LockNotAvailable:
        session.execute("ROLLBACK")
        _end_stalled(session)
        return _begin(session, second)


def _begin(session: Session, wait: str) -> DictRow:
    cursor = session.execute(BEGIN_TURN.format(wait=wait))
    while cursor.nextset():
        """The last result is the turn's."""
    (row,) = cursor.fetchall()
    return row


def _end_stalled(session: Session) -> None:
    """End who has the turn, but stands still; of other roles than the session's nothing is seen."""
    for row in session.execute(END_STALLED).fetchall():
        log.warning("stalled session ended", extra={"fields": row})
