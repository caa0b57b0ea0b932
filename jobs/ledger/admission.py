"""Whether a signup is accepted: decided from what the ledger has, and from the signups before it in its group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from jobs.errors import Code, FaucetError
from jobs.ledger.api_keys import GroupApiKeys
from jobs.ledger.invitations import GroupInvitations, Usable
from jobs.ledger.keys import digest_of
from jobs.ledger.names import NAME_COUNTS
from jobs.ledger.quotas import GroupQuotas
from jobs.ledger.sql import Query, table_of, to_json
from jobs.model.api_key import UsableApiKey
from jobs.model.job import Job, Limits, Quota, Signup, State

CROWDED = "Too many signups are waiting, please try again."


class LookupRow(msgspec.Struct, frozen=True):
    """What speaks of the whole ledger, beside what is known of one signup of the group."""

    paused: str | None  #: why
    waiting: int  #: queued jobs
    last_number: int
    place: int | None  #: in the group; None in a row that speaks of no signup
    job: int | None  #: number of the live job of its name
    account_id: str | None  #: of its name on the chain
    keys: str | None  #: digests of that account's keys
    block_num: int | None  #: a block that holds that account
    referrer_known: bool | None


# Rows only of those signups of which anything is known, and one row at the least. Of signups in a crowd mostly nothing
# is.
_REFERRER_KNOWN = """
    (request.referrer IS NULL OR EXISTS (SELECT 1 FROM names WHERE name = request.referrer)
     OR NOT EXISTS (SELECT 1 FROM facts WHERE name = 'names_complete' AND value = 'true'))
"""
LOOKUP = Query(
    f"""
    SELECT (SELECT reason FROM pauses WHERE part = 'intake') AS paused,
           (SELECT jobs FROM job_counts WHERE state = 'queued') AS waiting,
           (SELECT coalesce(max(number), 0) FROM jobs) AS last_number,
           known.*
    FROM (SELECT 1) AS one LEFT JOIN (
        SELECT request.place, jobs.number AS job, named.account_id, named.keys,
               coalesce(named.block_num, (SELECT max(number) FROM blocks)) AS block_num,
               {_REFERRER_KNOWN} AS referrer_known
        FROM {table_of(("place", "name", "referrer"))} AS request
        LEFT JOIN jobs ON jobs.name = request.name AND jobs.code IS NULL
        LEFT JOIN names AS named ON named.name = request.name AND {NAME_COUNTS}
        WHERE jobs.number IS NOT NULL OR named.account_id IS NOT NULL OR NOT {_REFERRER_KNOWN}
    ) AS known ON TRUE
    """,
    LookupRow,
    bulk=True,
)


def lookup_parameter(group: Iterable[Signup]) -> str:
    """What LOOKUP takes."""
    return to_json((place, signup.name, signup.referrer) for place, signup in enumerate(group))


@dataclass(frozen=True, slots=True)
class OnChain:
    """An account registered for the very signup by another faucet, or by this one before its ledger was lost."""

    account_id: str
    block_num: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """How a new signup was let in."""

    initial_balance: str | None  #: what it is to be paid, core asset, decimal text
    invitation: int | None = None  #: number of the one that it used
    api_key: int | None = None  #: … that it came with
    quotas: tuple[Quota, ...] = ()  #: that it spends


@dataclass(slots=True)
class CommitGroup:
    """What the signups of one commit decided so far: the later see the earlier."""

    now: int
    found: Sequence[LookupRow]
    known_jobs: Mapping[int, Job]  #: live jobs of the names in the group, by their numbers
    quotas: GroupQuotas
    invitations: GroupInvitations
    api_keys: GroupApiKeys
    jobs: dict[str, Job] = field(default_factory=dict)  #: new ones, by name
    _by_place: dict[int | None, LookupRow] = field(init=False)

    def __post_init__(self) -> None:
        self._by_place = {each.place: each for each in self.found}

    @property
    def ledger(self) -> LookupRow:
        """What speaks of the whole ledger."""
        return self.found[0]

    def at(self, place: int) -> LookupRow | None:
        """What is known of the signup at `place`."""
        return self._by_place.get(place)

    def live_job(self, name: str, found: LookupRow | None) -> Job | None:
        """The live job of `name`, from this group or of before."""
        if found is None or found.job is None:
            return self.jobs.get(name)
        return self.known_jobs[found.job]


def new_job(signup: Signup, limits: Limits, group: CommitGroup, admitted: OnChain | Admitted, job_id: str) -> Job:
    """A job that waits for a drain, or, where its account is on the chain, for that block to stay."""
    found = admitted if isinstance(admitted, OnChain) else None
    job = Job(
        number=group.ledger.last_number + len(group.jobs) + 1,
        id=job_id,
        signup=_without_code(signup, limits, admitted),
        state=State.QUEUED if found is None else State.REGISTERED,
        account_id=None if found is None else found.account_id,
        transaction_id=None,
        block_num=None if found is None else found.block_num,
        irreversible=False,
        initial_balance=None if isinstance(admitted, OnChain) else admitted.initial_balance,
        attempts=0,
        code=None,
        reason=None,
        created_at=group.now,
        updated_at=group.now,
        invitation=None if isinstance(admitted, OnChain) else admitted.invitation,
        api_key=None if isinstance(admitted, OnChain) else admitted.api_key,
    )
    group.jobs[job.signup.name] = job
    if isinstance(admitted, Admitted):
        _spend(admitted, job, group)
    return job


def _without_code(signup: Signup, limits: Limits, admitted: OnChain | Admitted) -> Signup:
    """The signup, without the refcode where that was an invitation's code: it may be good for others yet."""
    if isinstance(admitted, OnChain) or admitted.invitation is None or limits.invite is not None:
        return signup
    return msgspec.structs.replace(signup, refcode=None)


def _spend(admitted: Admitted, job: Job, group: CommitGroup) -> None:
    if admitted.invitation is not None:
        group.invitations.use(admitted.invitation)
    group.quotas.spend(admitted.quotas, job.number)


def decide(signup: Signup, limits: Limits, place: int, group: CommitGroup) -> Job | OnChain | Admitted:
    """The job that `signup` repeats, or its account on the chain, or how it was let in if it is a new one.

    Raises FaucetError if it is refused.
    """
    found = group.at(place)
    job = group.live_job(signup.name, found)
    if job is not None and job.signup.keys == signup.keys:
        return job
    if job is None and (account := _own_account(signup, found)) is not None:
        return account
    key = group.api_keys.check(limits)
    if job is not None or (found is not None and found.account_id is not None):
        raise FaucetError(Code.ACCOUNT_EXISTS, "Account exists", field="name")
    if found is not None and not found.referrer_known:
        raise FaucetError(Code.UNKNOWN_REFERRER, f"Unknown referrer: {signup.referrer}", field="referrer")
    if group.ledger.paused is not None:
        raise FaucetError(Code.PAUSED, f"Signups are paused: {group.ledger.paused}", retry_after=60)
    if group.ledger.waiting + len(group.jobs) >= limits.queue:
        raise FaucetError(Code.OVERLOADED, CROWDED, retry_after=limits.retry_after)
    return _let_in(group.invitations.check(signup, limits), key, limits, group)


def _let_in(invitation: Usable | None, key: UsableApiKey | None, limits: Limits, group: CommitGroup) -> Admitted:
    """What lets a signup in, and what it spends of the quotas for that. Raises FaucetError."""
    if key is None and invitation is None and isinstance(limits.work, Exception):
        raise limits.work
    balance = limits.initial_balance
    if invitation is not None and balance is not None:
        # Where none is paid, an invitation changes nothing of that: it would be owed for good.
        balance = invitation.initial_balance or balance
    admitted = Admitted(
        balance,
        invitation=None if invitation is None else invitation.number,
        api_key=None if key is None else key.number,
        quotas=group.api_keys.quotas_of(limits) if key is not None or invitation is None else (),
    )
    group.quotas.check(admitted.quotas)
    return admitted


def _own_account(signup: Signup, found: LookupRow | None) -> OnChain | None:
    """The account of this name on the chain, if it has the signup's own keys."""
    if found is None or found.account_id is None or found.block_num is None or found.keys != digest_of(signup.keys):
        return None
    return OnChain(found.account_id, found.block_num)
