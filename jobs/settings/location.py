"""Where the ledger is: a file, or a database of PostgreSQL, whose password is in a file of its own."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from jobs.settings.values import ValueProblemError, text

SCHEMES = ("postgresql", "postgres")
NO_URL = "must be a file, or the URL of a database, such as postgresql://faucet@db1/faucet"
HAS_SECRET = "must hold no password: write HOST:PORT:DATABASE:USER:PASSWORD into a file that ?passfile=… names"  # noqa: S105
_SECRETS = frozenset({"password", "sslpassword"})
#: libpq's other form of an address, which would be taken for a file's name.
_is_keywords = re.compile(r"\b(?:host|hostaddr|dbname|user|password)\s*=").search


def location(value: Any) -> str:
    """The path of a file, or the URL of a database, which no message shows: it may hold a password."""
    given = text(value)
    if "://" not in given and not _is_keywords(given):
        return given
    try:
        url = urlsplit(given)
        has_secret = url.password is not None or not _SECRETS.isdisjoint(dict(parse_qsl(url.query)))
    except ValueError:
        raise ValueProblemError(NO_URL) from None
    if url.scheme not in SCHEMES:
        raise ValueProblemError(NO_URL)
    if has_secret:
        raise ValueProblemError(HAS_SECRET)
    return given


def resolve(given: str, folder: Path, environ: Mapping[str, str]) -> Path | str:
    """The file that `given` names, relative to `folder`, or the URL that it is.

    Its passfile is relative to systemd's credentials where there are any. Raises ValueProblemError if it can't be read.
    """
    if "://" not in given:
        return folder / given
    # Not urlunsplit: it would take the slashes from a URL that names no host.
    address, _, options = given.partition("?")
    query = dict(parse_qsl(options))
    if "passfile" not in query:
        return given
    file = folder / environ.get("CREDENTIALS_DIRECTORY", "") / query["passfile"]
    try:
        file.read_bytes()
    except OSError as error:
        raise ValueProblemError(f"names a passfile that can't be read: {error.__class__.__name__}") from None
    return f"{address}?{urlencode({**query, 'passfile': str(file)}, quote_via=quote)}"
