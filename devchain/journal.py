"""The dev chain's file: a line of JSON for its genesis, then one for each block or change."""

import contextlib
from pathlib import Path
from typing import IO, Any

import msgspec


class JournalError(OSError):
    """A file that this chain can't be resumed from."""


class Journal:
    """Appends lines; a line that a crash cut short is dropped when the file is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def read(self) -> list[dict[str, Any]]:
        """The whole lines of the file, in order; nothing if there is no file. Raises JournalError."""
        if not self._path.exists():
            return []
        with contextlib.suppress(PermissionError):  # not its owner
            self._path.chmod(0o600)
        lines = self._path.read_bytes().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
            with self._path.open("r+b") as file:
                file.truncate(sum(map(len, lines)))
        try:
            return [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
        except msgspec.DecodeError as error:
            raise JournalError(f"{self._path} is no dev chain's file: {error}") from error

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line; it is handed to the operating system when this returns, and survives the program's end."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
