"""The two places of a move: a file, and the URL of a database."""

from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from jobs.ledger.engines import Location, needs_postgresql
from jobs.ledger.move.side import Source, Target
from jobs.ledger.sqlite import move as sqlite

#: What of a URL only this machine needs, or nobody may read.
LEFT_OUT = frozenset({"password", "passfile", "sslpassword", "sslkey"})


def open_source(location: Location) -> AbstractContextManager[Source]:
    """The ledger at `location`, to be moved. Raises LedgerError."""
    if isinstance(location, Path):
        return sqlite.open_source(location)
    opened: AbstractContextManager[Source] = needs_postgresql("move").open_source(location, place_of(location))
    return opened


def open_target(location: Location) -> AbstractContextManager[Target]:
    """What is at `location`, or a new ledger there. Raises LedgerError."""
    if isinstance(location, Path):
        return sqlite.open_target(location)
    opened: AbstractContextManager[Target] = needs_postgresql("move").open_target(location, place_of(location))
    return opened


def place_of(location: Location) -> str:
    """Where it is, for people: without passwords."""
    if isinstance(location, Path):
        return str(location.absolute())
    address, _, options = location.partition("?")
    shown = [(name, value) for name, value in parse_qsl(options) if name not in LEFT_OUT]
    password = urlsplit(address).password
    address = address if password is None else address.replace(f":{password}@", "@", 1)
    return f"{address}?{urlencode(shown, quote_via=quote)}" if shown else address
