"""Jobs as CSV, for spreadsheets."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from handlers.render import job_view
from jobs.ledger import Ledger
from jobs.model.job import Job, State
from jobs.model.readable import visible

BATCH = 500  #: jobs in memory at a time
COLUMNS = (
    "id", "name", "state", "account_id", "transaction_id", "block_num", "irreversible", "initial_balance", "attempts",
    "code", "reason", "referrer", "refcode", "created_at", "updated_at", "api_key",
)  # fmt: skip
#: A spreadsheet runs a cell that begins with one of these signs as a formula (OWASP, "CSV Injection"). It may split
#: cells at another separator than the comma, drop spaces and quotes, and take the wide forms of East Asian keyboards.
_FORMULA = re.compile(r"""(?:\A|(?<=[\s\0,;|:"'`]))(?=[=+\-@\uff1d\uff0b\uff0d\uff20])|\A(?=[\t\r])""")


async def csv_of_jobs(ledger: Ledger, text: str, state: State | None, *, by: str) -> AsyncIterator[str]:
    """The jobs that a search finds, as chunks of a CSV file (RFC 4180), without keys and client addresses.

    The audit names `by` before the first chunk is sent. A job that changes meanwhile is exported before or after the
    change. Raises FaucetError `ledger_unavailable`.
    """
    await ledger.operators.record(who=by, what="export", why=" ".join(filter(None, (text, state))))
    yield _lines([COLUMNS])
    async for jobs in ledger.search.pages(text, state=state, limit=BATCH):
        yield _lines(_cells(job) for job in jobs)


def cell(value: Any) -> str:
    """`value` as text that no spreadsheet runs as a formula; empty for None."""
    return "" if value is None else _FORMULA.sub("'", visible(str(value)))


def csv_writer(file: Any) -> Any:
    """A writer of rows to `file` that quotes every cell: then a spreadsheet splits none."""
    return csv.writer(file, quoting=csv.QUOTE_ALL)


def _cells(job: Job) -> list[str]:
    ours = {"referrer": job.signup.referrer, "refcode": job.signup.refcode, "api_key": job.api_key}
    values = {**msgspec.structs.asdict(job_view(job)), **ours}
    return [cell(values[column]) for column in COLUMNS]


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv_writer(text).writerows(rows)
    return text.getvalue()
