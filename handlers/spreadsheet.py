"""Jobs as a table for spreadsheets."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

from handlers.render import job_json
from jobs.ledger import Ledger
from jobs.model.job import Job, State

BATCH = 500  #: jobs that are in memory at a time
COLUMNS = (
    "id", "name", "state", "account_id", "transaction_id", "block_num", "irreversible", "initial_balance", "attempts",
    "code", "reason", "referrer", "refcode", "created_at", "updated_at",
)  # fmt: skip
#: A cell that begins so would be run as a formula by the program that shows it (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def csv_of_jobs(ledger: Ledger, text: str, state: State | None, *, by: str) -> AsyncIterator[str]:
    """The jobs that a search finds, as parts of a CSV file (RFC 4180): no keys, no addresses, times readable.

    That `by` took it is in the audit before the first part. Jobs that change meanwhile are in it as they were or as
    they are. Raises FaucetError `ledger_unavailable`.
    """
    await ledger.operators.record(who=by, what="export", why=" ".join(filter(None, (text, state))))
    yield _lines([COLUMNS])
    async for jobs in ledger.search.pages(text, state=state, limit=BATCH):
        yield _lines(_cells(job) for job in jobs)


def _cells(job: Job) -> list[str]:
    values = {**job_json(job), "referrer": job.signup.referrer, "refcode": job.signup.refcode}
    return [_cell(values[column]) for column in COLUMNS]


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
