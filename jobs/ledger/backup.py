"""Copies of the ledger."""

from pathlib import Path

from jobs.ledger.sqlite.backup import back_up

__all__ = ["back_up", "delete_old_backups"]


def delete_old_backups(folder: Path, pattern: str, keep: int) -> list[Path]:
    """Delete all but the `keep` last of the files in `folder` that match `pattern`, by their names; the deleted."""
    old = sorted(folder.glob(pattern))[:-keep]
    for file in old:
        file.unlink()
    return old
