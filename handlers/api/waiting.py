"""Holds a reply until its job has moved."""

import asyncio
from collections.abc import Callable

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.ledger.changes import Watch
from jobs.model.job import Job


async def find_job(ledger: Ledger, job_id: str) -> Job:
    """The job. Raises FaucetError not_found."""
    job = await ledger.queries.job(job_id)
    if job is None:
        raise FaucetError(Code.NOT_FOUND, "There is no such job.")
    return job


async def wait_for_job(
    ledger: Ledger,
    watch: Watch,
    job_id: str,
    seconds: float,
    is_enough: Callable[[Job], bool],
) -> Job:
    """The job as soon as it is enough, or as it is after `seconds`, or when `watch` on it ends.

    Raises FaucetError not_found.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    job = await find_job(ledger, job_id)
    while not is_enough(job) and await watch.changed(deadline - loop.time()):
        job = await find_job(ledger, job_id)
    return job
