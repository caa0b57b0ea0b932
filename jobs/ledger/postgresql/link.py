"""A connection to PostgreSQL that is made again when it is lost."""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

from jobs.ledger.postgresql.errors import OutcomeUnknownError, connection_failure
from jobs.ledger.postgresql.rows import adapt

log = logging.getLogger("faucet.ledger")

Result = TypeVar("Result")
Session = psycopg.Connection[DictRow]

MOVER = "faucet move"  #: the application name of a move, which may stand still amid a transaction

#: What a URL need not say: whom it looks for, and when a server that is gone is given up.
DEFAULTS = {
    "application_name": "faucet",
    "target_session_attrs": "read-write",
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


class DatabaseLink:
    """One connection, for one thread; any other may `abandon` it."""

    def __init__(self, url: str, **options: str) -> None:
        """`options` replace those in the URL. Raises psycopg.ProgrammingError where that is none."""
        given = conninfo_to_dict(url)
        defaults = {name: value for name, value in DEFAULTS.items() if name not in given}
        self._conninfo = make_conninfo(url, client_encoding="UTF8", **{**defaults, **options})
        self._session: Session | None = None
        self._socket: socket.socket | None = None  #: the session's, under a number of ours, which nobody else closes
        self._closing = threading.Lock()  #: held while that is closed or shut down
        self._abandoned = False
        self.is_wanted: Callable[[], bool] = lambda: True  #: whether anybody waits for what is to be begun
        self._notices: list[str] = []
        self._was_connected = False
        self._failure: str | None = None  #: of the last attempt to connect

    def use(self, work: Callable[[Session], Result]) -> Result:
        """What `work` returns, which is begun again on a new connection where the last one turns out to be lost.

        So it must be nothing that could be done twice. After `abandon` it is not: nobody waits for it any more. Raises
        psycopg.Error; then no transaction is open.
        """
        kept = self._session is not None
        try:
            return self._try(work)
        except psycopg.Error:
            if not kept or self._session is not None or self._abandoned:
                raise
        return self._try(work)

    def _try(self, work: Callable[[Session], Result]) -> Result:
        try:
            return work(self._connected())
        except BaseException as error:
            self.undo(error)
            raise

    def _connected(self) -> Session:
        if self._session is None:
            try:
                self._session = self._connect()
            except psycopg.Error as error:
                self._log_once(connection_failure(error))
                raise
            self._socket, self._abandoned = socket.socket(fileno=os.dup(self._session.fileno())), False
            self._was_connected, self._failure = True, None
            if not self.is_wanted():
                raise psycopg.OperationalError("whoever wanted it was told meanwhile that it can't be done")
        return self._session

    def _connect(self) -> Session:
        # No statement is prepared: behind a pooler, the next one may reach another server process.
        session = psycopg.Connection.connect(
            self._conninfo, autocommit=True, prepare_threshold=None, row_factory=dict_row
        )
        adapt(session.adapters)
        session.add_notice_handler(lambda notice: self._notices.append(notice.message_primary or ""))
        return session

    def _log_once(self, failure: str) -> None:
        """Until the server is back each attempt fails: one line says so. The first one is told by who makes it."""
        if self._was_connected and failure != self._failure:
            log.warning("no connection to the ledger", extra={"fields": {"reason": failure}})
        self._failure = failure

    def commit(self, session: Session) -> None:
        """Commit the transaction: it is on disk, here and on the synchronous standby, when this returns.

        Raises psycopg.Error where it may be otherwise. Nobody may cancel it: a commit that is cancelled while it waits
        for the standby is reported as done, with a warning, and is lost if that standby takes over.
        """
        self._notices.clear()
        reply = session.execute("COMMIT").statusmessage
        if reply != "COMMIT" or self._notices:
            self.drop()
            raise OutcomeUnknownError(f"the commit was not confirmed: {'; '.join(self._notices) or reply}")

    def undo(self, error: BaseException) -> None:
        """Roll back what is open after `error`; drop the connection where that can't be done, or leads nowhere."""
        if self._session is None:
            return
        # A server that became a standby takes no writes any more: the next connection looks for the one that does.
        if self._session.closed or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            self.drop()
        elif self._session.info.transaction_status != TransactionStatus.IDLE:
            try:
                self._session.execute("ROLLBACK")
            except psycopg.Error:
                self.drop()

    def drop(self) -> None:
        """Close the connection; the next use makes another."""
        if self._session is not None:
            self._session.close()
            self._session = None
        with self._closing:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def abandon(self) -> None:
        """Let the thread that waits for the server, which may have stopped, wait no more. For another thread.

        This cancels nothing: a server that goes on finishes the commit in hand.
        """
        with self._closing, contextlib.suppress(OSError):
            self._abandoned = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
