"""Accepting signups: those that arrive together are decided and committed together."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from jobs.errors import Code, FaucetError
from jobs.ledger import api_keys
from jobs.ledger.admission import CROWDED, LOOKUP, CommitGroup, LookupRow, decide, lookup_parameter, new_job
from jobs.ledger.api_keys import GroupApiKeys, key_hashes
from jobs.ledger.gathering import Gathering
from jobs.ledger.invitations import USABLE, GroupInvitations, code_hashes
from jobs.ledger.job_rows import derive_states, select_jobs
from jobs.ledger.quotas import KEYS, SPENT, GroupQuotas, QuotaKeys, purge
from jobs.ledger.responses import respond, tell
from jobs.ledger.sql import IN_NUMBERS, rows_of, table_of, to_json
from jobs.ledger.store import Part, Store, Tx
from jobs.model.job import Job, Limits, Signup

#: signups that may wait for their commit: a crowd of twenty thousand is taken whole
MAX_WAITING = 20_000
MAX_GROUP = 500  #: signups in one commit, so that none waits long for its neighbours
STALLED_AFTER = 1.0  #: seconds after which a commit that failed has kept those behind it waiting long enough

LIVE_JOBS = select_jobs(f"WHERE jobs.number {IN_NUMBERS}", bulk=True)

_INSERTED = (
    "number", "id", "name", "owner_key", "active_key", "memo_key", "referrer", "refcode", "email", "real_name",
    "initial_balance", "created_at", "updated_at", "account_id", "block_num", "invitation",
    "api_key",
)  # fmt: skip


@cache
def insert_statement(columns: tuple[str, ...]) -> str:
    """Inserts jobs, each a list of `columns`, with nothing in the others."""
    return f"INSERT INTO jobs ({', '.join(columns)}) SELECT * FROM {table_of(columns)} AS accepted"


def insert_jobs(tx: Tx, jobs: Iterable[Job]) -> None:
    """Insert jobs. Most columns of a crowd have nothing: to read them out of JSON would take 3 µs a job."""
    values = zip(*rows_of(Job, _INSERTED, jobs), strict=True)
    columns = zip(_INSERTED, values, strict=True)
    given = {column: of_jobs for column, of_jobs in columns if of_jobs.count(None) < len(of_jobs)}
    tx.execute(insert_statement(tuple(given)), (to_json(zip(*given.values(), strict=True)),))


Respond = Callable[[Job | Exception], None]


@dataclass(slots=True)
class Request:
    """A signup that waits for its commit."""

    signup: Signup
    limits: Limits
    respond: Respond


class _Group:
    """The signups of one commit, taken once it has the turn: all that came until then, since others may have it long.

    Taken by the writer's thread, ended by the event loop's.
    """

    def __init__(self, waiting: deque[Request]) -> None:
        self._waiting = waiting
        self._requests: list[Request] | None = None
        self._ended = False
        self._lock = threading.Lock()

    def take(self) -> list[Request]:
        """The signups to decide: none if the group has ended, since its callers were told that this can't be done."""
        with self._lock:
            return [] if self._ended else self._taken()

    def end(self) -> list[Request]:
        """The signups to respond to: where they were not taken, they will not be."""
        with self._lock:
            self._ended = True
            return self._taken()

    def _taken(self) -> list[Request]:
        if self._requests is None:
            self._requests = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
        return self._requests


class Signups(Part):
    """Group commit: one writer inserts what has gathered; each caller waits for its own commit."""

    def __init__(self, store: Store, random_id: Callable[[], str]) -> None:
        super().__init__(store)
        self._random_id = random_id
        self._keys = QuotaKeys()
        self._waiting: deque[Request] = deque()
        self._gathering = Gathering(self._waiting)
        self._seconds_each = 0.0  #: that a signup of the last group took
        self._writer: asyncio.Task[None] | None = None

    async def accept(self, signup: Signup, limits: Limits) -> Job:
        """The job of `signup`, on disk. The same name and keys again give the same job.

        Raises FaucetError: account_exists, unknown_referrer, paused, overloaded, throttled, invalid_api_key, denied,
        invalid_invitation, invitation_required, what `limits` has against its work, or ledger_unavailable.
        """
        response: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self.submit(signup, limits, partial(respond, response))
        return await response

    def submit(self, signup: Signup, limits: Limits, respond: Respond) -> None:
        """Have `respond` called with the result of `accept`, or its error.

        Raises FaucetError overloaded where too many wait.
        """
        if len(self._waiting) >= MAX_WAITING:
            wait = 1 + int(len(self._waiting) * self._seconds_each)
            raise FaucetError(Code.OVERLOADED, CROWDED, retry_after=wait)
        self._waiting.append(Request(signup, limits, respond))
        self._gathering.note_arrival()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="ledger signups")

    async def check(self, signup: Signup, limits: Limits) -> None:
        """Make every check of `accept` and keep nothing. Raises the same errors."""
        found = await self._store.rows(LOOKUP, (lookup_parameter([signup]),))
        jobs = await self._store.rows(LIVE_JOBS, (to_json(_numbers(found)),))
        keys = GroupApiKeys()
        keys.know(await self._store.rows(api_keys.USABLE, (to_json(key_hashes([limits])),)))
        quotas = GroupQuotas(self._store.now(), await self._store.rows(KEYS))
        quotas.know(await self._store.rows(SPENT, (to_json(quotas.subjects_of(keys.quotas_of(limits))),)))
        invitations = GroupInvitations(quotas.now)
        invitations.know(await self._store.rows(USABLE, (to_json(code_hashes([(signup, limits)])),)))
        decide(signup, limits, 0, _group(quotas, invitations, keys, found, jobs))

    async def finish(self) -> None:
        """Return when every signup submitted so far has its response."""
        while self._writer is not None:
            await self._writer

    async def purge_quotas(self) -> None:
        """Delete what was counted in intervals that are over, and the keys that nothing needs any more.

        No copy is left, nor of what was deleted otherwise; if a reader is in the way, the next call sees to that.
        """
        await self._store.run(purge)
        await self._store.truncate_log()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await self._gathering.wait()
                began = loop.time()
                group = _Group(self._waiting)
                error = await self._commit(group)
                took = loop.time() - began
                self._seconds_each = took / max(1, len(group.end()))
                self._gathering.note_responses(len(group.end()))
                if error is not None and took > STALLED_AFTER:
                    # They would wait as long again, one group after the other.
                    waiting = list(self._waiting)
                    self._waiting.clear()
                    _respond(waiting, [error] * len(waiting))
        finally:
            self._writer = None

    async def _commit(self, group: _Group) -> Exception | None:
        """Commit one group, then respond: a response never precedes its commit. Returns why it failed as a whole."""
        try:
            results = await self._store.run(lambda tx: self._insert(tx, group.take()))
        except Exception as error:  # noqa: BLE001  # whatever it was, each caller must hear of it
            requests = group.end()
            _respond(requests, [error] * len(requests))
            return error
        _respond(group.end(), results)
        return None

    def _insert(self, tx: Tx, requests: list[Request]) -> list[Job | Exception]:
        if not requests:
            return []
        found = tx.rows(LOOKUP, (lookup_parameter(request.signup for request in requests),))
        numbers = _numbers(found)
        jobs = tx.rows(LIVE_JOBS, (to_json(numbers),)) if numbers else []
        keys = _api_keys(tx, requests)
        group = _group(self._quotas(tx, requests, keys), _invitations(tx, requests), keys, found, jobs)
        results = [_result(request, place, group, self._random_id) for place, request in enumerate(requests)]
        if group.jobs:
            insert_jobs(tx, group.jobs.values())
        group.quotas.save(tx)
        if on_chain := [job.number for job in group.jobs.values() if job.account_id is not None]:
            derive_states(tx, on_chain)
        return results

    def _quotas(self, tx: Tx, requests: list[Request], keys: GroupApiKeys) -> GroupQuotas:
        """What is spent of the quotas of `requests`."""
        quotas = [quota for request in requests for quota in keys.quotas_of(request.limits)]
        if not quotas:
            return GroupQuotas(tx.now, ())
        group = GroupQuotas(tx.now, self._keys.of(tx))
        group.know(tx.rows(SPENT, (to_json(set(group.subjects_of(quotas))),)))
        return group


def _respond(requests: list[Request], results: Sequence[Job | Exception]) -> None:
    for request, result in zip(requests, results, strict=True):
        tell(request.respond, result)


def _numbers(found: list[LookupRow]) -> list[int]:
    return [each.job for each in found if each.job is not None]


def _group(
    quotas: GroupQuotas,
    invitations: GroupInvitations,
    keys: GroupApiKeys,
    found: list[LookupRow],
    jobs: list[Job],
) -> CommitGroup:
    return CommitGroup(quotas.now, found, {job.number: job for job in jobs}, quotas, invitations, keys)


def _invitations(tx: Tx, requests: list[Request]) -> GroupInvitations:
    """The invitations that `requests` came with."""
    group = GroupInvitations(tx.now)
    if hashes := code_hashes((request.signup, request.limits) for request in requests):
        group.know(tx.rows(USABLE, (to_json(hashes),)))
    return group


def _api_keys(tx: Tx, requests: list[Request]) -> GroupApiKeys:
    """The API keys that `requests` came with."""
    group = GroupApiKeys()
    if hashes := key_hashes(request.limits for request in requests):
        group.know(tx.rows(api_keys.USABLE, (to_json(hashes),)))
    return group


def _result(request: Request, place: int, group: CommitGroup, random_id: Callable[[], str]) -> Job | Exception:
    try:
        known = decide(request.signup, request.limits, place, group)
    except FaucetError as error:
        if (key := group.api_keys.find(request.limits)) is not None:
            error.api_key = key.number
        return error
    return known if isinstance(known, Job) else new_job(request.signup, request.limits, group, known, random_id())
