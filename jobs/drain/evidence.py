"""Whether a refusal says something of a signup, or of the node that refuses."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from chain.refusals import Cause, Refusal
from jobs.drain.batch import Candidate, RefusalPlan, position_of
from jobs.drain.sender import Group, Sender

MAX_REFUSALS = 3  #: transactions in a row that a node may refuse before it is the node that is to blame


class Evidence:
    """What the node in use has taken and refused on this connection."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._epoch = 0
        self._accepted_before: dict[int, int] = {}  # job → how many transactions were taken before it was refused first
        self._taken: Counter[int] = Counter()  # job → how often its name was refused as taken
        self._refusal: str | None = None  # the last refusal that may be the node's, for people
        self._lied = False

    @property
    def obstacle(self) -> str | None:
        """Why this node is of no use; None as long as it takes something."""
        self._begin()
        if self._lied or (self._refusal is not None and self._sender.refused_in_a_row >= MAX_REFUSALS):
            return self._refusal
        return None

    def proven(self, group: Group, refusal: Refusal, plan: RefusalPlan, *, own: bool) -> RefusalPlan:
        """`plan` as far as it is proven: a node that takes nothing says nothing of a signup.

        An `own` node is believed where it names the operation that it refuses.
        """
        self._begin()
        if plan.known or (own and refusal.operation is not None):
            return plan
        self._refusal = plan.obstacle or f"The node refuses what it is sent: {refusal.text}"
        self._lied = self._lied or refusal.cause is Cause.ASSERTION_FAILED
        if not (plan.rejected or plan.counted) or self._is_proven(group):
            return plan
        return replace(plan, rejected={}, counted=self._sender.accepted > 0)

    def hidden_names(self, group: Group, refusal: Refusal) -> list[int]:
        """The job, if its name is refused as taken again and again, though the node shows no such account."""
        if refusal.cause is not Cause.NAME_TAKEN:
            return []
        jobs = list(_blamed(group, refusal))
        self._taken.update(jobs)
        return [job for job in jobs if self._taken[job] >= MAX_REFUSALS]

    def _is_proven(self, group: Group) -> bool:
        """Whether the node took other transactions since it first refused each job of `group`."""
        accepted = self._sender.accepted
        return all(self._accepted_before.setdefault(each.job.number, accepted) < accepted for each in group)

    def _begin(self) -> None:
        """Forget what another connection's node did."""
        if self._epoch != self._sender.epoch:
            self._epoch, self._refusal, self._lied = self._sender.epoch, None, False
            self._accepted_before.clear()
            self._taken.clear()


def _blamed(group: tuple[Candidate, ...], refusal: Refusal) -> Iterator[int]:
    position = position_of(group, refusal)
    if position is not None:
        yield group[position].job.number
