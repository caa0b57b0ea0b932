"""The CSV file of outcomes, which lets an interrupted run resume."""

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from handlers.spreadsheet import cell, csv_writer

COLUMNS = ("name", "outcome", "account_id", "job", "at")
REGISTERED = "registered"  #: the account is in a block
DRY_RUN = "dry_run"  #: the faucet only tries such a name out


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one row."""

    name: str  #: the account's; of a row that can't be sent, its line
    outcome: str  #: REGISTERED, DRY_RUN, the problem of a row, or the faucet's error code
    account_id: str = ""
    job: str = ""  #: the job's id


class Results:
    """The file of outcomes: each is flushed as it comes, so that a crash loses none."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock

    def registered(self) -> set[str]:
        """The names that need not be sent again."""
        if not self._path.exists():
            return set()
        with self._path.open(newline="") as file:
            return {row["name"] for row in csv.DictReader(file) if row.get("outcome") == REGISTERED}

    @contextmanager
    def writer(self) -> Iterator[Callable[[Outcome], None]]:
        """A function that appends an outcome. Raises OSError."""
        with self._path.open("a", newline="") as file:
            writer = csv_writer(file)
            if file.tell() == 0:
                writer.writerow(COLUMNS)

            def write(outcome: Outcome) -> None:
                self._write(writer, file, outcome)

            yield write

    def _write(self, writer: Any, file: TextIO, outcome: Outcome) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        values = (outcome.name, outcome.outcome, outcome.account_id, outcome.job, at)
        writer.writerow([cell(value) for value in values])
        file.flush()
