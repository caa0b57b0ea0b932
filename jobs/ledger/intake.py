"""Accepting signups: those that arrive together are decided and committed together."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.errors import Code, FaucetError
from jobs.ledger.book import NAME_COUNTS, Book, as_list, as_rows, derive_states, job_of
from jobs.ledger.database import Connection, Database, Row
from jobs.ledger.keys import digest_of
from jobs.model.job import Job, Limits, Signup, State

#: signups that may wait for their commit: a crowd of twenty thousand is taken whole
MAX_GATHERED = 20_000
GROUP = 500  #: signups in one commit at the most, so that none waits long for its neighbours

CROWDED = "Too many signups are waiting, please try again."

_COLUMNS = (
    "number", "id", "name", "owner_key", "active_key", "memo_key", "referrer", "refcode", "email", "real_name",
    "initial_balance", "created_at", "updated_at", "account_id", "block_num",
)  # fmt: skip

# What speaks about the whole ledger, in every row, beside the signups of the group about which anything is known: one
# row at the least. Of signups in a crowd mostly nothing is, and for each row the thread waits for the interpreter.
_SITUATION = f"""
    SELECT (SELECT reason FROM pauses WHERE part = 'intake') AS paused,
           (SELECT jobs FROM job_counts WHERE state = 'queued') AS waiting,
           (SELECT coalesce(max(number), 0) FROM jobs) AS last_number,
           known.*
    FROM (SELECT 1) LEFT JOIN (
        SELECT request.key AS place, jobs.*, registration.id AS transaction_id,
               named.account_id AS named_id, named.keys AS named_keys,
               coalesce(named.block_num, (SELECT max(number) FROM blocks)) AS named_in,
               json_extract(request.value, '$[2]') IS NULL
                   OR EXISTS (SELECT 1 FROM names WHERE name = json_extract(request.value, '$[2]'))
                   OR NOT EXISTS (SELECT 1 FROM facts WHERE name = 'names_complete' AND value = 'true')
                   AS referrer_known,
               addresses.accepted_at AS last_accepted_at
        FROM json_each(?) AS request
        LEFT JOIN jobs
            ON jobs.name = json_extract(request.value, '$[0]') AND jobs.state NOT IN ('failed', 'cancelled')
        LEFT JOIN transactions AS registration ON registration.number = jobs.registration
        LEFT JOIN addresses ON addresses.address = json_extract(request.value, '$[1]')
        LEFT JOIN names AS named ON named.name = json_extract(request.value, '$[0]') AND {NAME_COUNTS}
        WHERE jobs.number IS NOT NULL OR named_id IS NOT NULL OR NOT referrer_known OR last_accepted_at IS NOT NULL
    ) AS known
"""

_INSERT_JOBS = f"""
    INSERT INTO jobs ({", ".join(_COLUMNS)})
    SELECT * FROM {as_rows(_COLUMNS)}
"""
_INSERT_ADDRESSES = f"""
    INSERT OR REPLACE INTO addresses (address, job, accepted_at)
    SELECT * FROM {as_rows(("address", "job", "accepted_at"))}
"""


@dataclass(slots=True)
class Request:
    """A signup that waits for its commit."""

    signup: Signup
    limits: Limits
    answer: asyncio.Future[Job]


@dataclass(frozen=True, slots=True)
class OnChain:
    """An account registered for the very signup by another faucet, or by this one before its ledger was lost."""

    account_id: str
    block_num: int


@dataclass(slots=True)
class Group:
    """What the signups of one commit decided so far: the later see the earlier."""

    now: int
    about: Row  #: what speaks of the whole ledger
    known: dict[int, Row]  #: of signups of which anything is known, by their place in the group
    jobs: dict[str, Job] = field(default_factory=dict)  #: new ones, by name
    addresses: dict[str, Job] = field(default_factory=dict)


class Intake(Book):
    """Group commit: one writer inserts what has gathered; each caller waits for its own commit."""

    def __init__(self, database: Database, *, clock: Callable[[], float], random_id: Callable[[], str]) -> None:
        super().__init__(database, clock=clock, random_id=random_id)
        self._gathered: list[Request] = []
        self._committed_each = 0.0  #: seconds that a signup of the last group took
        self._writer: asyncio.Task[None] | None = None

    async def accept(self, signup: Signup, limits: Limits) -> Job:
        """The job of `signup`, on disk. The same name and keys again give the same job.

        Raises FaucetError: account_exists, unknown_referrer, paused, overloaded, throttled or
        ledger_unavailable.
        """
        return await self.submit(signup, limits)

    def submit(self, signup: Signup, limits: Limits) -> asyncio.Future[Job]:
        """The future answer of `accept`, or its error. Raises FaucetError overloaded where too many wait."""
        if len(self._gathered) >= MAX_GATHERED:
            wait = 1 + int(len(self._gathered) * self._committed_each)
            raise FaucetError(Code.OVERLOADED, CROWDED, retry_after=wait)
        request = Request(signup, limits, asyncio.get_running_loop().create_future())
        self._gathered.append(request)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="ledger intake")
        return request.answer

    async def check(self, signup: Signup, limits: Limits) -> None:
        """Make every check of `accept` and keep nothing. Raises the same errors."""
        rows = await self._database.read(_SITUATION, (_question([(signup, limits)]),))
        _decide(signup, limits, 0, self._group(rows))

    async def finish_intake(self) -> None:
        """Return when every signup handed in so far has its answer."""
        while self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._gathered:
                group, self._gathered = self._gathered[:GROUP], self._gathered[GROUP:]
                began = loop.time()
                await self._commit(group)
                self._committed_each = (loop.time() - began) / len(group)
        finally:
            self._writer = None

    async def _commit(self, requests: list[Request]) -> None:
        """Commit one group, then answer it: an answer never precedes its commit."""
        try:
            answers = await self._database.run(lambda connection: self._insert(connection, requests))
        except Exception as error:  # noqa: BLE001  # whatever it was, each caller must hear of it
            answers = [error] * len(requests)
        for request, answer in zip(requests, answers, strict=True):
            if request.answer.done():  # its caller has gone away; the job stays
                continue
            if isinstance(answer, Job):
                request.answer.set_result(answer)
            else:
                request.answer.set_exception(answer)

    def _insert(self, connection: Connection, requests: list[Request]) -> list[Job | Exception]:
        question = _question([(request.signup, request.limits) for request in requests])
        group = self._group(connection.execute(_SITUATION, (question,)).fetchall())
        answers = [self._answer(request, place, group) for place, request in enumerate(requests)]
        _insert_jobs(connection, group)
        if found := [job.number for job in group.jobs.values() if job.account_id is not None]:
            derive_states(connection, found, group.now)
        return answers

    def _group(self, rows: list[Row]) -> Group:
        return Group(self._now(), rows[0], {row["place"]: row for row in rows})

    def _answer(self, request: Request, place: int, group: Group) -> Job | Exception:
        try:
            known = _decide(request.signup, request.limits, place, group)
        except FaucetError as error:
            return error
        return known if isinstance(known, Job) else self._new_job(request, group, known)

    def _new_job(self, request: Request, group: Group, found: OnChain | None) -> Job:
        """A job that waits for a drain, or, where its account is `found` on the chain, for that block to stay."""
        job = Job(
            number=group.about["last_number"] + len(group.jobs) + 1,
            id=self._random_id(),
            signup=request.signup,
            state=State.QUEUED if found is None else State.REGISTERED,
            account_id=None if found is None else found.account_id,
            transaction_id=None,
            block_num=None if found is None else found.block_num,
            irreversible=False,
            initial_balance=request.limits.initial_balance if found is None else None,
            attempts=0,
            code=None,
            reason=None,
            created_at=group.now,
            updated_at=group.now,
        )
        group.jobs[job.signup.name] = job
        if request.limits.address is not None and found is None:
            group.addresses[request.limits.address] = job
        return job


def _question(asked: list[tuple[Signup, Limits]]) -> str:
    return as_list((signup.name, limits.address, signup.referrer) for signup, limits in asked)


def _decide(signup: Signup, limits: Limits, place: int, group: Group) -> Job | OnChain | None:
    """The job that `signup` repeats, or its account on the chain, or None if it is a new one.

    Raises FaucetError if it is refused.
    """
    row = group.known.get(place)
    known = group.jobs.get(signup.name) or (job_of(row) if row is not None and row["number"] is not None else None)
    if known is not None and known.signup.keys == signup.keys:
        return known
    if (
        known is None
        and row is not None
        and row["named_keys"] == digest_of(signup.keys)
        and row["named_in"] is not None
    ):
        return OnChain(row["named_id"], row["named_in"])
    if known is not None or (row is not None and row["named_id"] is not None):
        raise FaucetError(Code.ACCOUNT_EXISTS, "Account exists", field="name")
    if row is not None and not row["referrer_known"]:
        raise FaucetError(Code.UNKNOWN_REFERRER, f"Unknown referrer: {signup.referrer}", field="referrer")
    if group.about["paused"] is not None:
        raise FaucetError(Code.PAUSED, f"Signups are paused: {group.about['paused']}", retry_after=60)
    if group.about["waiting"] + len(group.jobs) >= limits.queue:
        raise FaucetError(Code.OVERLOADED, CROWDED, retry_after=limits.retry_after)
    _check_address(limits, None if row is None else row["last_accepted_at"], group)
    return None


def _check_address(limits: Limits, last: int | None, group: Group) -> None:
    if limits.address is None:
        return
    if limits.address in group.addresses:
        last = group.now
    if last is None:
        return
    remaining = math.ceil((last - group.now) / 1000) + limits.interval
    # A clock that was set back since would hold the address for as long as it was set back.
    if 0 < remaining <= 2 * limits.interval:
        raise FaucetError(Code.THROTTLED, "Only one account per IP", retry_after=remaining)


def _insert_jobs(connection: Connection, group: Group) -> None:
    if group.jobs:
        connection.execute(_INSERT_JOBS, (as_list(_columns(job) for job in group.jobs.values()),))
    if group.addresses:
        addresses = ((address, job.number, group.now) for address, job in group.addresses.items())
        connection.execute(_INSERT_ADDRESSES, (as_list(addresses),))


def _columns(job: Job) -> tuple[int | str | None, ...]:
    signup = job.signup
    return (
        job.number, job.id, signup.name, *signup.keys, signup.referrer, signup.refcode, signup.email,
        signup.real_name, job.initial_balance, job.created_at, job.updated_at, job.account_id, job.block_num,
    )  # fmt: skip
