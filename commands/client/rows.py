"""The CSV file of signups: its columns and its rows."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chain.private_keys import holds_private_key
from commands.client.wallet import keys_of
from jobs.errors import Code
from jobs.signup import KEPT_FIELDS, KEY_FIELDS

COLUMNS = ("name", *KEY_FIELDS, "password", "referrer", *KEPT_FIELDS)

# Why a row can't be sent; these are outcomes, beside those of results.py.
NO_NAME = "no_name"
TOO_MANY_CELLS = "too_many_cells"  #: more cells than columns: probably a comma inside a value
KEYS_TWICE = "keys_twice"  #: a password and keys, of which only one can be meant


class BulkError(Exception):
    """The file is no table of signups; the message says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """One signup of the file."""

    line: int  #: the last line of the row
    fields: Mapping[str, str]  #: cells by column, without empty ones
    extra: bool = False  #: the row has more cells than there are columns

    @property
    def name(self) -> str:
        """The account's name; empty if the row has none."""
        return self.fields.get("name", "")

    @property
    def problem(self) -> str | None:
        """Why the row can't be sent, as an outcome; None if it can."""
        if self.extra:
            return TOO_MANY_CELLS
        if not self.name:
            return NO_NAME
        if "password" in self.fields and not self.fields.keys().isdisjoint(KEY_FIELDS):
            return KEYS_TWICE
        # The faucet would refuse it too, but only after it crossed the network.
        exposed = any(holds_private_key(value.encode()) for value in self._public.values())
        return Code.PRIVATE_KEY_SENT if exposed else None

    def account(self, prefix: str) -> dict[str, str]:
        """The account to post, with keys derived from the password if there is one; the password is not in it."""
        password = self.fields.get("password")
        return self._public if password is None else {**self._public, **keys_of(self.name, password, prefix)}

    @property
    def _public(self) -> dict[str, str]:
        return {field: value for field, value in self.fields.items() if field != "password"}


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the signups of the CSV file `path`. Raises BulkError if it is no table of signups, or OSError."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = ";" if first.count(";") > first.count(",") else ","
            columns = [column.strip() for column in next(csv.reader([first], delimiter=delimiter), [])]
            _check_columns(path, columns)
            # Strict: an unclosed quote would turn the rest of the file into one cell.
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                line = 1 + reader.line_num
                if any(cells):
                    yield _row(line, columns, cells)
    except csv.Error as error:
        raise BulkError(f"{path.name}: the row after line {line} is no CSV: {error}") from None
    except UnicodeDecodeError:
        raise BulkError(f"{path.name}: after line {line} it is not UTF-8; save it as CSV UTF-8") from None


def _check_columns(path: Path, columns: list[str]) -> None:
    unknown = [column for column in columns if column not in COLUMNS]
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if unknown:
        raise BulkError(f"{path.name}:1: {unknown[0]!r} is no column; known are {', '.join(COLUMNS)}")
    if twice:
        raise BulkError(f"{path.name}:1: there are two columns {twice[0]!r}")
    if "name" not in columns:
        raise BulkError(f"{path.name}:1: there is no column 'name'")
    if "password" not in columns and not set(KEY_FIELDS) <= set(columns):
        raise BulkError(f"{path.name}:1: there must be the columns {', '.join(KEY_FIELDS)}, or 'password'")


def _row(line: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    """A row whose cells are stripped of blanks, except passwords: stripping one would change its keys."""
    given = dict(zip(columns, cells, strict=False))  # a row may be short; Row.extra tells if it is long
    fields = {column: cell if column == "password" else cell.strip() for column, cell in given.items()}
    return Row(line, {column: cell for column, cell in fields.items() if cell}, extra=len(cells) > len(columns))
