"""A signup's way as the job page draws it."""

from dataclasses import dataclass, replace

from jobs.model.job import Job, State

_WAY = (
    (State.QUEUED, "Accepted", "The signup is on disk; the next drain takes it."),
    (State.BROADCAST, "Sent", "A signed transaction carries it to the chain."),
    (State.REGISTERED, "Registered", "The account is in a block."),
    (State.FUNDING, "Paying", "A signed transaction carries the initial balance."),
    (State.FUNDED, "Paid", "The initial balance is in a block."),
    (State.DONE, "Done", "All of it is irreversible."),
)
_PAYING = (State.FUNDING, State.FUNDED)
_LOST = {State.FAILED: "Failed", State.CANCELLED: "Cancelled"}


@dataclass(frozen=True, slots=True)
class Step:
    """One state on the way."""

    title: str
    text: str
    when: str  #: done, now, later, or bad


def progress_of(job: Job) -> list[Step]:
    """The way of `job`, behind it and ahead of it; one that is lost ends with why."""
    if job.state in _LOST:
        _, title, text = _WAY[0]
        return [Step(title, text, "done"), Step(_LOST[job.state], job.reason or "", "bad")]
    way = [step for step in _WAY if job.initial_balance is not None or step[0] not in _PAYING]
    reached = [state for state, _, _ in way].index(job.state)
    steps = [Step(title, text, _when(state, position, reached)) for position, (state, title, text) in enumerate(way)]
    if job.state is State.QUEUED and job.reason is not None:
        steps[0] = replace(steps[0], text=f"Deferred, will be retried: {job.reason}")
    return steps


def _when(state: State, position: int, reached: int) -> str:
    if position < reached or (position == reached and state is State.DONE):
        return "done"
    return "now" if position == reached else "later"
