"""The digests of accounts' keys in the names cache."""

import hashlib
from collections.abc import Sequence

from jobs.ledger.book import as_list, as_rows
from jobs.ledger.database import Connection

DIGEST_SIZE = 10  #: bytes of a key's digest: who finds another key of the same one gains nothing by it

Keys = tuple[str, str, str]  #: owner, active and memo key

# Who shows other keys than another did leaves nothing that could be relied on.
SHOWN = f"""
    UPDATE names SET keys = CASE WHEN names.keys IS NULL OR names.keys = shown.keys THEN shown.keys END
    FROM {as_rows(("name", "account_id", "keys"))} AS shown
    WHERE names.name = shown.name AND names.account_id = shown.account_id
"""
CHANGED = f"""
    UPDATE names SET keys = NULL FROM {as_rows(("account_id", "memo_key"))} AS changed
    WHERE names.account_id = changed.account_id
      AND (changed.memo_key IS NULL OR names.keys NOT LIKE '%.' || changed.memo_key)
"""


def digest_of(keys: Keys) -> str:
    """What the names cache keeps of an account's keys; the memo key's comes last."""
    return ".".join(map(digest_of_key, keys))


def digest_of_key(key: str) -> str:
    """What the names cache keeps of one key."""
    return hashlib.blake2b(key.encode(), digest_size=DIGEST_SIZE).hexdigest()


def put_keys(
    connection: Connection, shown: Sequence[tuple[str, str, str]], changed: Sequence[tuple[str, str | None]]
) -> None:
    """Keep the keys that a block shows, as jobs.blocks.keys gives them, then drop those that it may have changed."""
    if shown:
        connection.execute(SHOWN, (as_list(shown),))
    if changed:
        connection.execute(CHANGED, (as_list(changed),))
