"""Many signups from a table, as one client sends them: some at a time, repeated where that helps, resumed later."""

import asyncio
import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from jobs.model import ENDED, IN_A_BLOCK
from jobs.signup import KEPT_FIELDS, KEY_FIELDS
from jobs.wallet import keys_of

COLUMNS = ("name", *KEY_FIELDS, "password", "referrer", *KEPT_FIELDS)
RESULT_COLUMNS = ("name", "outcome", "account_id", "job", "at")
REGISTERED = "registered"  #: the outcome of a signup whose account is in a block
BAD_ROW = "bad_row"
UNREACHABLE = "unreachable"

HOLD = 20  #: seconds that one request asks the faucet to wait
DELAY = 0.5  #: seconds before a request that got no answer is repeated, doubled each time
DELAY_MOST = 30.0
TRIES = 10  #: of a request that gets no answer
AGAIN = frozenset({429, 503})  #: statuses that say when to come again

Sleep = Callable[[float], Any]


class BulkError(Exception):
    """The file can't be read as signups; the sentence says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file."""

    line: int
    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """Of the account."""
        return self.fields.get("name", "")

    def account(self, prefix: str) -> dict[str, str]:
        """What is posted; a password stays here, its keys go."""
        given = {field: value for field, value in self.fields.items() if value and field != "password"}
        password = self.fields.get("password")
        return {**given, **keys_of(self.name, password, prefix)} if password else given


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row."""

    name: str
    outcome: str  #: REGISTERED, BAD_ROW, UNREACHABLE, or the code of the faucet's refusal
    account_id: str = ""
    job: str = ""  #: its id


def read_rows(path: Path) -> Iterator[Row]:
    """The signups in the CSV file `path`, one at a time. Raises BulkError for its first line, or OSError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        delimiter = ";" if first.count(";") > first.count(",") else ","
        columns = [column.strip() for column in next(csv.reader([first], delimiter=delimiter), [])]
        _check_columns(path, columns)
        for number, cells in enumerate(csv.reader(file, delimiter=delimiter), start=2):
            if any(cells):
                yield Row(number, dict(zip(columns, (cell.strip() for cell in cells), strict=False)))


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
        begins = not self._path.exists()
        with self._path.open("a", newline="") as file:
            writer = csv.writer(file)
            if begins:
                writer.writerow(RESULT_COLUMNS)

            def write(outcome: Outcome) -> None:
                self._write(writer, file, outcome)

            yield write

    def _write(self, writer: Any, file: TextIO, outcome: Outcome) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        writer.writerow([outcome.name, outcome.outcome, outcome.account_id, outcome.job, at])
        file.flush()


class Bulk:
    """Signs up the rows of a file at one faucet."""

    def __init__(self, url: str, prefix: str, *, concurrency: int, sleep: Sleep = asyncio.sleep) -> None:
        self._url = url
        self._prefix = prefix
        self._concurrency = concurrency
        self._sleep = sleep
        self._client = AsyncHTTPClient(force_instance=True, max_clients=concurrency)

    async def run(self, rows: Iterator[Row], tell: Callable[[Outcome], None]) -> Counter[str]:
        """Sign all `rows` up, `tell` each outcome as it comes; how many there were of each."""
        outcomes: Counter[str] = Counter()

        async def work() -> None:
            for row in rows:  # the workers share it, so each row is taken once
                outcome = await self._sign_up(row)
                outcomes[outcome.outcome] += 1
                tell(outcome)

        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(work())
        return outcomes

    async def _sign_up(self, row: Row) -> Outcome:
        if not row.name:
            return Outcome(f"line {row.line}", BAD_ROW)
        body = msgspec.json.encode({"account": row.account(self._prefix)})
        response = await self._ask(f"/api/v1/accounts?wait={HOLD}", method="POST", body=body)
        if response is None:
            return Outcome(row.name, UNREACHABLE)
        reply = _json(response)
        if response.code != 200:
            return Outcome(row.name, reply.get("error", {}).get("code", f"status_{response.code}"))
        return await self._follow(row.name, reply["job"]["id"])

    async def _follow(self, name: str, job_id: str) -> Outcome:
        """Wait until the job is in a block, or has ended."""
        wait = ""
        while (response := await self._ask(f"/api/v1/jobs/{job_id}{wait}")) is not None:
            job = _json(response).get("job", {})
            if job.get("state") in IN_A_BLOCK:
                return Outcome(name, REGISTERED, job["account_id"], job_id)
            if response.code != 200 or job["state"] in ENDED:
                return Outcome(name, job.get("code") or f"status_{response.code}", "", job_id)
            wait = f"?wait={HOLD}"
        return Outcome(name, UNREACHABLE, "", job_id)

    async def _ask(self, path: str, **options: Any) -> HTTPResponse | None:
        """The reply at `path`; None if there is none after TRIES. A signup may be repeated: it is the same job."""
        tries = 0
        while tries < TRIES:
            try:
                response = await self._client.fetch(
                    self._url + path, raise_error=False, request_timeout=2 * HOLD, **options
                )
            except OSError:
                response = None
            if response is not None and response.code not in {*AGAIN, 599}:
                return response
            told = None if response is None else response.headers.get("Retry-After")
            tries += told is None
            await self._sleep(float(told) if told is not None else min(DELAY * 2**tries, DELAY_MOST))
        return None


def _check_columns(path: Path, columns: list[str]) -> None:
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown:
        raise BulkError(f"{path.name}:1: {unknown[0]!r} is no column; known are {', '.join(COLUMNS)}")
    if "name" not in columns:
        raise BulkError(f"{path.name}:1: there is no column 'name'")
    if "password" not in columns and not set(KEY_FIELDS) <= set(columns):
        raise BulkError(f"{path.name}:1: there must be the columns {', '.join(KEY_FIELDS)}, or 'password'")


def _json(response: HTTPResponse) -> dict[str, Any]:
    """The reply's object; an empty one where a proxy answered in its own words."""
    try:
        reply = msgspec.json.decode(response.body or b"{}")
    except msgspec.DecodeError:
        return {}
    return reply if isinstance(reply, dict) else {}
