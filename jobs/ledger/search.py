"""What operators look up: a page of jobs among millions, and everything that was signed for one of them."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from jobs.ledger.job_rows import select_jobs
from jobs.ledger.sql import IN_NUMBERS, Query, to_json
from jobs.ledger.store import Part
from jobs.model.job import Job, State
from jobs.model.transaction import WholeTransaction

PAGE = 50  #: jobs
MAX_SCANNED = 5_000  #: jobs that one page scans where few of them are in the state asked for

_ACCOUNT_ID = re.compile(r"1\.2\.[0-9]+")
_API_KEY = re.compile(r"key:([0-9]{1,18})")  #: no name has a colon
_JOB_ID = re.compile(r"[0-9a-f]{32}")
_TRANSACTION_ID = re.compile(r"[0-9a-f]{40}")

OF_TRANSACTION = """
    number IN (SELECT job FROM operations WHERE txn IN (SELECT number FROM transactions WHERE id = ?))
"""
_LAST_NUMBER = 2**63 - 1  #: the largest that SQLite has
_LAST_CHARACTER = "\U0010ffff"  #: sorts behind all that a name is made of

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some of the jobs that a search found."""

    jobs: list[Job]
    before: int | None  #: asks for what is older, or has an earlier name; None where there is nothing
    after: int | None  #: asks for what is newer, or has a later name
    by_name: bool  #: sorted by name; else the newest is the first


@dataclass(frozen=True, slots=True)
class SignedFor:
    """A transaction, and what it was to one of the jobs that it serves."""

    transaction: WholeTransaction
    fee: int  #: of this job's operation, satoshi
    signed_at: int  #: milliseconds since 1970, UTC
    learned_at: int  #: when its fate was last learned


class Listed(msgspec.Struct, frozen=True):
    """A job that a page may show."""

    number: int
    state: State


@dataclass(frozen=True, slots=True)
class _Listing:
    """One way to read a search: jobs in the order of an index, between two ends."""

    where: str
    parameters: tuple[str | int, ...]
    by_name: bool = False
    low: Key = (0,)
    high: Key = (_LAST_NUMBER,)


SIGNED_FOR = Query(
    """
    SELECT signed.*, operations.fee, signed.created_at AS signed_at, signed.updated_at AS learned_at
    FROM operations JOIN signed_transactions AS signed ON signed.number = operations.txn
    WHERE operations.job = ? ORDER BY signed.number
    """,
    SignedFor,
)
JOBS = select_jobs(f"WHERE jobs.number {IN_NUMBERS}")
NAME = "SELECT name FROM jobs WHERE number = ?"


class Search(Part):
    """Reads that cost the same with ten jobs and ten million."""

    async def page(
        self,
        text: str = "",
        *,
        state: State | None = None,
        before: int | None = None,
        after: int | None = None,
        limit: int = PAGE,
    ) -> JobPage:
        """At most `limit` of the jobs that `text` means, in `state` where given.

        `text` is a job's id, an account's, a transaction's, an API key's number after `key:`, or how a name begins;
        empty, it means every job. What is found by name is sorted by it, all else is the newest first. `before` or
        `after` comes from another page.
        """
        text = text.strip().lower()
        most = MAX_SCANNED if text and state else limit + 1
        for listing in _listings(text, state):
            down = after is None and (before is not None or not listing.by_name)
            rows = await self._rows(listing, before, after, most, down=down)
            if rows:
                break
        matching = [row.number for row in rows if state in (None, row.state)]
        numbers = matching[:limit]
        # What was not scanned lies behind the last row, and what one came from before the first.
        onward = numbers[-1] if len(matching) > limit else rows[-1].number if len(rows) == most else None
        came_from = before or after
        back = numbers[0] if numbers and came_from else came_from
        jobs = await self._jobs(numbers if down is not listing.by_name else numbers[::-1])
        return JobPage(jobs, onward if down else back, back if down else onward, listing.by_name)

    async def pages(self, text: str, *, state: State | None, limit: int) -> AsyncIterator[list[Job]]:
        """Everything that `page` finds, at most `limit` jobs at a time. Each page is read when it is asked for."""
        page = await self.page(text, state=state, limit=limit)
        while True:
            yield page.jobs
            if page.by_name and page.after is not None:
                page = await self.page(text, state=state, after=page.after, limit=limit)
            elif not page.by_name and page.before is not None:
                page = await self.page(text, state=state, before=page.before, limit=limit)
            else:
                return

    async def signed_for(self, job: Job) -> list[SignedFor]:
        """Every transaction that was ever signed for `job`, the oldest first."""
        return await self._store.rows(SIGNED_FOR, (job.number,))

    async def _rows(
        self, listing: _Listing, before: int | None, after: int | None, most: int, *, down: bool
    ) -> list[Listed]:
        low = listing.low if after is None else await self._key(listing, after)
        high = listing.high if before is None else await self._key(listing, before)
        query = page_query(listing.where, by_name=listing.by_name, down=down)
        return await self._store.rows(query, (*listing.parameters, *low, *high, most))

    async def _key(self, listing: _Listing, number: int) -> Key:
        """Where a job stands in the order; a number that no job has stands behind all."""
        if not listing.by_name:
            return (number,)
        rows = await self._store.read(NAME, (number,))
        return (rows[0]["name"] if rows else _LAST_CHARACTER, number)

    async def _jobs(self, numbers: Sequence[int]) -> list[Job]:
        jobs = {job.number: job for job in await self._store.rows(JOBS, (to_json(numbers),))}
        return [jobs[number] for number in numbers]


def page_query(where: str, *, by_name: bool, down: bool) -> Query[Listed]:
    """The query for numbers and states of jobs between two keys, from the high one `down`, or up from the low one."""
    columns = ("name", "number") if by_name else ("number",)
    key, marks = ", ".join(columns), ", ".join("?" for _ in columns)
    order = ", ".join(f"{column} {'DESC' if down else 'ASC'}" for column in columns)
    return Query(
        f"SELECT number, state FROM jobs WHERE {where} AND ({key}) > ({marks}) AND ({key}) < ({marks}) "
        f"ORDER BY {order} LIMIT ?",
        Listed,
        bulk=True,
    )


def _listings(text: str, state: State | None) -> Iterator[_Listing]:
    """What `text` may mean, the likeliest first: what looks like an id may be a name."""
    if not text:
        yield _Listing("TRUE", ()) if state is None else _Listing("state = ?", (state,))
    elif key := _API_KEY.fullmatch(text):
        yield _Listing("api_key = ?", (int(key[1]),))
    elif _ACCOUNT_ID.fullmatch(text):
        yield _Listing("account_id = ?", (text,))
    else:
        if _JOB_ID.fullmatch(text):
            yield _Listing("id = ?", (text,))
        if _TRANSACTION_ID.fullmatch(text):
            yield _Listing(OF_TRANSACTION, (text,))
        yield _Listing("TRUE", (), by_name=True, low=(text, 0), high=(text + _LAST_CHARACTER, 0))
