"""What PostgreSQL's errors are to the ledger's callers, without the rows that PostgreSQL quotes in them.

The detail of an error holds the failing row: e-mail addresses, keys. It must reach neither a log nor a page.
"""

import contextlib
from collections.abc import Iterator

import psycopg

from jobs.errors import FaucetError
from jobs.ledger import errors
from jobs.ledger.errors import ConstraintError, LedgerError

NO_CONNECTION = "PostgreSQL does not answer"


class PostgresqlError(Exception):
    """What went wrong, in a sentence that anybody may read."""


class OutcomeUnknownError(psycopg.OperationalError):
    """A commit ended otherwise than by its confirmation: it may be kept, or not."""


def unavailable(error: Exception) -> FaucetError:
    """That the ledger can't serve; its cause is what can be shown of `error`."""
    failure = errors.unavailable()
    failure.__cause__ = PostgresqlError(text_of(error))
    return failure


def text_of(error: Exception) -> str:
    """What can be shown of `error`: PostgreSQL's own sentence and its code, or ours where it said nothing."""
    if isinstance(error, psycopg.DataError):
        return f"PostgreSQL refused a value ({error.sqlstate})"  # which its sentence quotes
    if isinstance(error, psycopg.Error) and error.sqlstate is not None and error.diag.message_primary:
        return f"{error.diag.message_primary} ({error.sqlstate})"
    if isinstance(error, OutcomeUnknownError | LedgerError):
        return str(error)
    # libpq's own sentence names hosts and users, and /readyz would show them to anybody.
    return NO_CONNECTION if isinstance(error, psycopg.OperationalError | OSError) else type(error).__name__


def connection_failure(error: psycopg.Error) -> str:
    """Why there is no connection, for logs and whoever starts the program: hosts and users are in it, but no row."""
    return text_of(error) if error.sqlstate is not None else " ".join(str(error).split())


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise ConstraintError and FaucetError `ledger_unavailable` instead of psycopg's errors."""
    try:
        yield
    except psycopg.IntegrityError as error:
        raise ConstraintError(text_of(error)) from None
    except (psycopg.Error, LedgerError) as error:
        failure = unavailable(error)
        raise failure from failure.__cause__
