"""Copies of the ledger."""

import re
from datetime import datetime
from pathlib import Path

from jobs.ledger.sqlite.backup import back_up, is_backup_of

__all__ = ["back_up", "delete_old_backups", "name_of_backup"]


def name_of_backup(ledger: Path, at: datetime) -> str:
    """The name of the copy of `ledger` that is made `at` this time, UTC."""
    return f"{ledger.stem}-{at:%Y%m%dT%H%M%SZ}.db"


def delete_old_backups(ledger: Path, made: Path, keep: int) -> list[Path]:
    """Delete all but the `keep` last copies of `ledger` beside the one just `made`, which stays; the deleted.

    They go by their names: a file counts only if it is named as a copy of this ledger, and is none of another one.
    """
    named = re.compile(rf"{re.escape(ledger.stem)}-\d{{8}}T\d{{6}}Z\.db")
    others = sorted(
        file
        for file in made.parent.iterdir()
        if file != made and named.fullmatch(file.name) and is_backup_of(ledger, file)
    )
    old = others[: max(len(others) + 1 - keep, 0)]
    for file in old:
        file.unlink()
    return old
