"""A model of the ledger in sets and dicts: its inputs, and the state that follows from them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from jobs.model.job import State
from jobs.model.transaction import Fate, Kind
from tests.harness.modelchain import Block, JobOperation, Keys, Sendable


@dataclass
class ModelJob:
    """A signup that was accepted."""

    number: int
    id: str
    name: str
    keys: Keys
    pays: bool
    ended: State | None = None  #: failed or cancelled
    registration: str | None = None  #: signature of the transaction in force
    funding: str | None = None
    found: tuple[str, int] | None = None  #: account id and block of an account found on the chain
    final: bool = False  #: its account is irreversible
    account_id: str | None = None  #: in a block that was followed
    provisional: bool = False  #: looked up by name, so it may still change


class ModelLedger:
    """The real ledger's moves, in memory."""

    def __init__(self) -> None:
        self.jobs: dict[int, ModelJob] = {}  #: by number
        self.signed: dict[str, Sendable] = {}  #: by signature
        self.included: dict[str, Block] = {}  #: by signature; as given to the ledger
        self.final: set[str] = set()  #: signatures
        self.refused: set[str] = set()
        self.expired: set[str] = set()
        self.names: dict[str, tuple[str, int]] = {}  #: account id and block by name

    def fate(self, signature: str) -> Fate:
        """A transaction's fate."""
        if signature in self.final:
            return Fate.IRREVERSIBLE
        if signature in self.included:
            return Fate.INCLUDED
        if signature in self.expired:
            return Fate.EXPIRED
        return Fate.REFUSED if signature in self.refused else Fate.LIVE

    def state(self, job: ModelJob) -> State:
        """A job's state."""
        if job.account_id is None:
            return job.ended or (State.BROADCAST if job.registration else State.QUEUED)
        final = job.final
        if job.pays:
            if job.funding is None:
                return State.REGISTERED
            if job.funding not in self.included:
                return State.FUNDING
            final = final and job.funding in self.final
        return State.DONE if final else (State.FUNDED if job.pays else State.REGISTERED)

    def standing(self, *states: State) -> list[ModelJob]:
        """The jobs in one of `states`, in order of acceptance."""
        return [job for job in self.jobs.values() if self.state(job) in states]

    def unfunded(self) -> list[ModelJob]:
        """The jobs whose initial balance is to be signed: an account that was only found must be final first.

        So must be one whose id was looked up.
        """
        registered = [job for job in self.standing(State.REGISTERED) if job.pays]
        return [job for job in registered if job.final or (job.registration and not job.provisional)]

    def live_job(self, name: str) -> ModelJob | None:
        """The job of `name` that has not ended without an account."""
        live = [job for job in self.jobs.values() if job.name == name and not self.has_ended(job)]
        assert len(live) <= 1
        return live[0] if live else None

    def has_ended(self, job: ModelJob) -> bool:
        """Whether a new signup may have the job's name."""
        return self.state(job) in (State.FAILED, State.CANCELLED)

    def live(self) -> list[Sendable]:
        """The live transactions, in order of signing."""
        return [transaction for signature, transaction in self.signed.items() if self.fate(signature) is Fate.LIVE]

    def sign(self, transactions: Iterable[Sendable]) -> list[Sendable]:
        """Those of `transactions` whose jobs are all ready for them; they are in force now."""
        ready = [transaction for transaction in transactions if all(map(self._is_ready, transaction.operations))]
        for transaction in ready:
            self.refused.discard(transaction.signature)
            self.signed[transaction.signature] = transaction
            for operation in transaction.operations:
                self._link(transaction, self.jobs[operation.job])
        return ready

    def give_up(self, transaction: Sendable, into: set[str]) -> None:
        """Release the jobs of a refused or expired transaction, so that they are signed again."""
        if self.fate(transaction.signature) is not Fate.LIVE:
            return
        into.add(transaction.signature)
        for job in self._jobs(transaction):
            if job.registration == transaction.signature:
                job.registration = None
            if job.funding == transaction.signature:
                job.funding = None

    def end(self, numbers: Collection[int], state: State) -> None:
        """End those jobs that are queued."""
        for job in self.standing(State.QUEUED):
            if job.number in numbers:
                job.ended = state

    def claim_existing(self, found: dict[int, str], block: int) -> None:
        """Claim accounts that the chain already has, for queued jobs."""
        for job in self.standing(State.QUEUED):
            if job.number in found:
                job.account_id, job.found = found[job.number], (found[job.number], block)

    def claimed(self, irreversible: int) -> list[ModelJob]:
        """The jobs whose account was found up to `irreversible`, and not yet confirmed."""
        return [job for job in self.jobs.values() if job.found and not job.final and job.found[1] <= irreversible]

    def finalize_claimed(self, job: ModelJob, account_id: str | None) -> None:
        """The found account is final under this id, or gone."""
        job.account_id, job.final = account_id, account_id is not None
        if account_id is None:
            job.found = None

    def include(self, block: Block) -> None:
        """Include what `block` contains."""
        for name, (account_id, _) in block.accounts.items():
            self.names.setdefault(name, (block.seen(account_id), block.number))
        for signature in block.results.keys() & self.signed.keys() - self.final:
            self.included[signature] = block
            results = block.seen_results[signature]
            for operation, result in zip(self.signed[signature].operations, results, strict=True):
                job = self.jobs[operation.job]
                if not self._is_replaced(job):
                    self._link(self.signed[signature], job, result, provisional=not block.has_results)

    def orphan(self, number: int) -> None:
        """Block `number` and later ones are orphaned."""
        self.names = {name: seen for name, seen in self.names.items() if seen[1] < number}
        for signature, block in list(self.included.items()):
            if signature not in self.final and block.number >= number:
                self.release(signature)

    def release(self, signature: str) -> None:
        """The transaction is no longer in a block."""
        self.included.pop(signature)
        self.refused.discard(signature)
        self.expired.discard(signature)
        for job in self._jobs(self.signed[signature]):
            if job.registration == signature:
                job.account_id = None

    def finalize(self, signature: str, results: tuple[str | None, ...]) -> None:
        """The transaction's block is irreversible."""
        self.final.add(signature)
        for job, result in zip(self._jobs(self.signed[signature]), results, strict=True):
            if job.registration == signature:
                job.account_id, job.final, job.provisional = result, True, False

    def _jobs(self, transaction: Sendable) -> list[ModelJob]:
        return [self.jobs[operation.job] for operation in transaction.operations]

    def _is_ready(self, operation: JobOperation) -> bool:
        job = self.jobs[operation.job]
        if operation.account_id is None:
            return self.state(job) is State.QUEUED
        return self.state(job) is State.REGISTERED and (job.final or not job.provisional)

    def _is_replaced(self, job: ModelJob) -> bool:
        """Whether the job has ended and another has its name."""
        return self.has_ended(job) and self.live_job(job.name) is not None

    def _link(
        self, transaction: Sendable, job: ModelJob, account_id: str | None = None, *, provisional: bool = False
    ) -> None:
        if transaction.kind is Kind.FUNDING:
            job.funding = transaction.signature
            return
        job.registration, job.account_id, job.found, job.ended = transaction.signature, account_id, None, None
        job.provisional = provisional
