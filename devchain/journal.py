"""The dev chain's file: a line of JSON for its genesis, then one for each block or change."""

import contextlib
import fcntl
from pathlib import Path
from typing import IO, Any

import msgspec


class JournalError(OSError):
    """A file that this chain can't be resumed from."""


class JournalInUseError(JournalError):
    """Another process makes the blocks of this chain."""


class Journal:
    """Appends lines to a file that no other process may append to meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open the file, or create it. Raises JournalInUseError where another chain is writing it."""
        _check_regular(path)
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            text = "is in use: another faucet or dev chain makes the blocks of this chain"
            raise JournalInUseError(f"{path} {text}") from None

    def repair(self) -> None:
        """Drop a line that a crash cut short, and let nobody but the owner read the file."""
        with contextlib.suppress(PermissionError):  # not its owner
            self._path.chmod(0o600)
        self._file.truncate(self._path.read_bytes().rfind(b"\n") + 1)

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line; it is handed to the operating system when this returns, and survives the program's end."""
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file, which another process may write then. A second call does nothing."""
        self._file.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The whole lines of the file at `path`, also while it is written; none without a file. Raises JournalError."""
    _check_regular(path)
    content = path.read_bytes() if path.exists() else b""
    *lines, partial = content.split(b"\n")
    if partial and not lines:
        raise JournalError(f"{path} is no dev chain's file: it has no whole line")
    try:
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
    except msgspec.DecodeError as error:
        raise JournalError(f"{path} is no dev chain's file: {error}") from error


def _check_regular(path: Path) -> None:
    """Raise JournalError for a folder, a device or a pipe, whose mode would be changed, or whose end never comes."""
    if path.exists() and not path.is_file():
        raise JournalError(f"{path} is no regular file")
