"""The dev chain's file: one line of JSON for each block, and for each orphaning."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec


class Journal:
    """Appends lines; a line that a crash cut short is dropped when the file is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def read(self) -> Iterator[dict[str, Any]]:
        """The whole lines of the file, in order; nothing if there is no file."""
        if not self._path.exists():
            return
        whole = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield msgspec.json.decode(line)
        with self._path.open("r+b") as file:
            file.truncate(whole)

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line, on its way to the disk when this returns."""
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
