"""Whether the rollback journal beside a ledger is its own: SQLite would write another one's pages into it.

A ledger in use has none; a transaction of a restored copy that was cut off leaves one, which SQLite must roll back. As
in `wal`, this is for a process that has no connection yet. See https://www.sqlite.org/fileformat2.html, 3.
"""

from pathlib import Path

from jobs.ledger.errors import LedgerError
from jobs.ledger.sqlite.wal import HEADER_SIZE, MAGIC, RETRIES, header_of, with_sidecars

JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
NO_COUNT = (0, 2**32 - 1)  #: of pages: as many as the file holds
MAX_READ = 2**26  #: bytes that are looked through for the first page, which every transaction writes


def has_journal(ledger: Path) -> bool:
    """Whether there is a journal beside `ledger` that SQLite would roll back; it clears the first bytes of others."""
    journal = _journal_of(ledger)
    return journal.exists() and header_of(journal)[:1] not in (b"", b"\0")


def check_journal(ledger: Path) -> None:
    """Raise LedgerError if the journal beside `ledger` is of another file. Changes nothing."""
    # Another process may be in its first transaction.
    if all(has_journal(ledger) and _is_foreign(ledger) for _ in range(RETRIES)):
        name = _journal_of(ledger).name
        raise LedgerError(
            f"{name} belongs to another file than {ledger.name}: nothing was changed. To use {ledger.name} as it is, "
            f"or a new one, move {name} away; to use what it belongs to, put that back"
        )


def _journal_of(ledger: Path) -> Path:
    return with_sidecars(ledger)[3]


def _is_foreign(ledger: Path) -> bool:
    with _journal_of(ledger).open("rb") as opened:
        journal = opened.read(MAX_READ)
    if not journal.startswith(JOURNAL_MAGIC):
        return True
    if len(journal) <= _number(journal, 20):
        return False  # no page of it was written
    header = header_of(ledger) if ledger.exists() else b""
    if not header:
        return _number(journal, 16) > 0  # pages before the transaction: a new file has none
    original = _first_page(journal)
    if not header.startswith(MAGIC) or original is None:
        return True
    same_form = header[16:18] == original[16:18] and original[68:72] in (header[68:72], bytes(4))
    # The change counter is written last, if the transaction came that far.
    return not same_form or _number(header, 24) - _number(original, 24) not in (0, 1)


def _first_page(journal: bytes) -> bytes | None:
    """The header of the database's first page as it was before the transaction; None if it is not in the journal."""
    count, sector, page = _number(journal, 8), _number(journal, 20), _number(journal, 24)
    held = (len(journal) - sector) // (page + 8)
    for index in range(held if count in NO_COUNT else min(count, held)):
        start = sector + index * (page + 8)
        if _number(journal, start) == 1:
            return journal[start + 4 : start + 4 + HEADER_SIZE]
    return None


def _number(text: bytes, start: int) -> int:
    return int.from_bytes(text[start : start + 4], "big")
