"""The scripts that bring a ledger of an earlier version to the current one."""

from pathlib import Path


def scripts_in(folder: Path) -> list[str]:
    """The migrations in `folder`, in order: N.sql takes a ledger from version N - 1 to N."""
    files = sorted(folder.glob("*.sql"), key=lambda file: int(file.stem))
    return [file.read_text() for file in files]
