"""Jobs as CSV, for spreadsheets."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from handlers.render import job_view
from jobs.ledger import Ledger
from jobs.model.job import Job, State

BATCH = 500  #: jobs in memory at a time
COLUMNS = (
    "id", "name", "state", "account_id", "transaction_id", "block_num", "irreversible", "initial_balance", "attempts",
    "code", "reason", "referrer", "refcode", "created_at", "updated_at",
)  # fmt: skip
#: A spreadsheet runs a cell that begins with one of these as a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def csv_of_jobs(ledger: Ledger, text: str, state: State | None, *, by: str) -> AsyncIterator[str]:
    """The jobs that a search finds, as chunks of a CSV file (RFC 4180), without keys and client addresses.

    The audit names `by` before the first chunk is sent. A job that changes meanwhile is exported before or after the
    change. Raises FaucetError `ledger_unavailable`.
    """
    await ledger.operators.record(who=by, what="export", why=" ".join(filter(None, (text, state))))
    yield _lines([COLUMNS])
    async for jobs in ledger.search.pages(text, state=state, limit=BATCH):
        yield _lines(_cells(job) for job in jobs)


def _cells(job: Job) -> list[str]:
    values = {**msgspec.structs.asdict(job_view(job)), "referrer": job.signup.referrer, "refcode": job.signup.refcode}
    return [_cell(values[column]) for column in COLUMNS]


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
