"""Many signups from a table, as one client sends them: some at a time, repeated where that helps, resumed later."""

import asyncio
import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse

from chain.private_keys import holds_private_key
from commands.client.wallet import SignupFailedError, keys_of, sentence_of
from jobs.errors import Code
from jobs.model.job import ENDED, IN_A_BLOCK
from jobs.signup import KEPT_FIELDS, KEY_FIELDS

COLUMNS = ("name", *KEY_FIELDS, "password", "referrer", *KEPT_FIELDS)
RESULT_COLUMNS = ("name", "outcome", "account_id", "job", "at")
REGISTERED = "registered"  #: the outcome of a signup whose account is in a block
DRY_RUN = "dry_run"  #: … of a name that faucets only try out
NO_NAME = "no_name"  #: … of a row without one
TOO_MANY_CELLS = "too_many_cells"  #: … of a row with more cells than columns: a comma stands where none was meant
KEYS_TWICE = "keys_twice"  #: … of a row with a password and keys: only one of them can be meant

LONG_POLL = 20  #: seconds that one request asks the faucet to wait
DELAY = 0.5  #: seconds before a request that got no answer is repeated, doubled each time
MAX_DELAY = 30.0
TRIES = 10  #: of a request that gets no answer
AGAIN = frozenset({429, 503})  #: statuses that say when to come again
AWAY = frozenset({502, 504})  #: statuses of a proxy whose faucet is away

Sleep = Callable[[float], Any]


class BulkError(Exception):
    """The file can't be read as signups; the sentence says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file."""

    line: int  #: where it ends
    fields: Mapping[str, str]  #: what its cells hold, by column; empty ones are left out
    extra: bool = False  #: it has more cells than there are columns

    @property
    def name(self) -> str:
        """Of the account."""
        return self.fields.get("name", "")

    @property
    def problem(self) -> str | None:
        """Why it can't be sent, as an outcome."""
        if self.extra:
            return TOO_MANY_CELLS
        if not self.name:
            return NO_NAME
        if "password" in self.fields and not self.fields.keys().isdisjoint(KEY_FIELDS):
            return KEYS_TWICE
        # The faucet would refuse it too, but then it has travelled.
        exposed = any(holds_private_key(value.encode()) for value in self._sent.values())
        return Code.PRIVATE_KEY_SENT if exposed else None

    def account(self, prefix: str) -> dict[str, str]:
        """What is posted; a password stays here, its keys go."""
        password = self.fields.get("password")
        return self._sent if password is None else {**self._sent, **keys_of(self.name, password, prefix)}

    @property
    def _sent(self) -> dict[str, str]:
        return {field: value for field, value in self.fields.items() if field != "password"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row."""

    name: str  #: of the account; of a row that can't be sent, its line
    outcome: str  #: REGISTERED, another of those above, or the code with which the faucet refused
    account_id: str = ""
    job: str = ""  #: its id


def read_rows(path: Path) -> Iterator[Row]:
    """The signups in the CSV file `path`, one at a time. Raises BulkError where it is none, or OSError."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = ";" if first.count(";") > first.count(",") else ","
            columns = [column.strip() for column in next(csv.reader([first], delimiter=delimiter), [])]
            _check_columns(path, columns)
            # Strict: a quote that is never closed would make one cell of the rest of the file.
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                line = 1 + reader.line_num
                if any(cells):
                    yield _row(line, columns, cells)
    except csv.Error as error:
        raise BulkError(f"{path.name}: the row after line {line} is no CSV: {error}") from None
    except UnicodeDecodeError:
        raise BulkError(f"{path.name}: after line {line} it is not UTF-8; save it as CSV UTF-8") from None


class Results:
    """The file of outcomes: a line each, as they come, so that nothing is lost when the program ends."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock

    def registered(self) -> set[str]:
        """The names that are done: they are not sent again."""
        if not self._path.exists():
            return set()
        with self._path.open(newline="") as file:
            return {row["name"] for row in csv.DictReader(file) if row.get("outcome") == REGISTERED}

    @contextmanager
    def written(self) -> Iterator[Callable[[Outcome], None]]:
        """What to call for each outcome."""
        with self._path.open("a", newline="") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(RESULT_COLUMNS)

            def write(outcome: Outcome) -> None:
                self._write(writer, file, outcome)

            yield write

    def _write(self, writer: Any, file: TextIO, outcome: Outcome) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        writer.writerow([outcome.name, outcome.outcome, outcome.account_id, outcome.job, at])
        file.flush()


class Bulk:
    """Signs up the rows of a file at one faucet; `on_wait` hears each sentence that says why it has to wait."""

    def __init__(
        self,
        url: str,
        prefix: str,
        *,
        concurrency: int,
        on_wait: Callable[[str], None] = lambda _: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._concurrency = concurrency
        self._on_wait = on_wait
        self._sleep = sleep
        self._client = AsyncHTTPClient(force_instance=True, max_clients=concurrency)

    async def run(self, rows: Iterator[Row], tell: Callable[[Outcome], None]) -> Counter[str]:
        """Sign all `rows` up, `tell` each outcome as it comes; how many there were of each.

        Raises SignupFailedError when the faucet does not answer for minutes, and what `tell` raises.
        """
        outcomes: Counter[str] = Counter()

        async def work() -> None:
            for row in rows:  # the workers share it, so each row is taken once
                outcome = await self._sign_up(row)
                outcomes[outcome.outcome] += 1
                tell(outcome)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(work())
        except ExceptionGroup as errors:
            # What ends one worker ends them all: the faucet is away, or the disk is full.
            raise errors.exceptions[0] from None
        finally:
            self._client.close()
        return outcomes

    async def _sign_up(self, row: Row) -> Outcome:
        if row.problem is not None:
            return Outcome(f"line {row.line}", row.problem)
        body = msgspec.json.encode({"account": row.account(self._prefix)})
        response = await self._ask(f"/api/v1/accounts?wait={LONG_POLL}", method="POST", body=body)
        reply = _json(response)
        if isinstance(job := reply.get("job"), dict):
            return await self._follow(row.name, job["id"])
        return Outcome(row.name, DRY_RUN if "dry_run" in reply else _code(response))

    async def _follow(self, name: str, job_id: str) -> Outcome:
        """Wait until the job is in a block, or has ended."""
        wait = ""
        while True:
            response = await self._ask(f"/api/v1/jobs/{job_id}{wait}")
            job = _json(response).get("job")
            if not isinstance(job, dict):
                return Outcome(name, _code(response), "", job_id)
            if job["state"] in IN_A_BLOCK:
                return Outcome(name, REGISTERED, job["account_id"], job_id)
            if job["state"] in ENDED:
                return Outcome(name, job["code"], "", job_id)
            wait = f"?wait={LONG_POLL}"

    async def _ask(self, path: str, **options: Any) -> HTTPResponse:
        """The reply at `path`, asked for again while it says so. A signup may be repeated: it is the same job.

        Raises SignupFailedError if there is none after TRIES.
        """
        tries = 0
        while tries < TRIES:
            response = await self._fetch(path, **options)
            if response is not None and not _comes_too_early(response):
                return response
            told = "" if response is None else response.headers.get("Retry-After", "")
            tries += not told.isdecimal()
            self._on_wait("The faucet does not answer." if response is None else _sentence(response))
            await self._sleep(float(told) if told.isdecimal() else min(DELAY * 2**tries, MAX_DELAY))
        raise SignupFailedError("The faucet does not answer. Run it again: it goes on where it was.")

    async def _fetch(self, path: str, **options: Any) -> HTTPResponse | None:
        """The reply, whatever its status; None if there is none."""
        url = self._url + path
        try:
            return await self._client.fetch(url, raise_error=False, request_timeout=2 * LONG_POLL, **options)
        except (OSError, HTTPClientError):  # no connection, or one that ended without a reply
            return None


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
    """Blanks around a cell are no part of it, but a password's are: other keys come from it without them."""
    given = dict(zip(columns, cells, strict=False))  # a row may end early; Row.extra says that it ends late
    fields = {column: cell if column == "password" else cell.strip() for column, cell in given.items()}
    return Row(line, {column: cell for column, cell in fields.items() if cell}, extra=len(cells) > len(columns))


def _json(response: HTTPResponse) -> dict[str, Any]:
    """The reply's object; an empty one where a proxy answered in its own words."""
    try:
        reply = msgspec.json.decode(response.body or b"{}")
    except msgspec.DecodeError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _comes_too_early(response: HTTPResponse) -> bool:
    """Whether another time may bring another answer. A faucet with `old_clients` throttles with status 200."""
    return response.code in AGAIN | AWAY or _json(response).get("error_code") == Code.THROTTLED


def _code(response: HTTPResponse) -> str:
    """The code of a refusal; a proxy's has only its status."""
    return str(_json(response).get("error_code", f"status_{response.code}"))


def _sentence(response: HTTPResponse) -> str:
    """Why to come again."""
    return sentence_of(_json(response)) or f"The faucet's proxy answers {response.code}."
