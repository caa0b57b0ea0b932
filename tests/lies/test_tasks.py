"""Unforeseen exceptions in background tasks: each task is restarted and reported to the operators."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chain.link import Link
from jobs.blocks.names import NamesCache
from jobs.blocks.reconcile import Reconciler
from jobs.blocks.tracker import Tracker
from jobs.drain.drainer import Drainer
from jobs.monitoring.alerts import Alerts
from jobs.monitoring.mailer import Mailer
from tests.harness.liar import World, lied_to

#: A step of each background task, and the task.
STEPS: list[tuple[type, str, str]] = [
    (Tracker, "follow", "tracker"),
    (NamesCache, "fill", "names"),
    (Alerts, "evaluate_once", "alerts"),
    (Mailer, "run", "mailer"),
    (Reconciler, "steps", "reconciliation"),
    (Link, "run", "chain link"),
]


def failing_once(original: Callable[..., Any]) -> Callable[..., Any]:
    """`original`, which raises an unforeseen exception the first time."""
    failures = [MemoryError("nobody thought of that")]

    def step(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(*arguments, **options)

    return step


@pytest.mark.parametrize(("owner", "method", "task"), STEPS, ids=[task for _, _, task in STEPS])
async def test_failed_task_is_restarted_counted_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, method: str, task: str
) -> None:
    monkeypatch.setattr(owner, method, failing_once(getattr(owner, method)))
    monkeypatch.setattr("jobs.monitoring.tasks.FIRST_DELAY", 0.05)
    monkeypatch.setattr("jobs.monitoring.alerts.EVALUATE_INTERVAL", 0.1)

    async with lied_to(tmp_path, fit=False) as world:
        await world.sign_up("alice-1")
        await world.until(lambda: is_alerted(world, task))
        assert world.metrics.task_failures.labels(task=task)._value.get() == 1
        await world.recovered()


async def is_alerted(world: World, task: str) -> bool:
    """Whether an alert says that the task failed."""
    alerts = {alert.name: alert.text for alert in await world.ledger.outbox.alerts()}
    return f"MemoryError in {task}: its log says more." in alerts.get("task", "")


async def test_failed_drain_pauses_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drain, faults = Drainer.drain, [ZeroDivisionError()]

    async def step(self: Drainer) -> str | None:
        for fault in faults:
            raise fault
        return await drain(self)

    monkeypatch.setattr(Drainer, "drain", step)

    async with lied_to(tmp_path) as world:
        await world.sign_up("alice-1")
        await world.reported("The faucet failed: its log says how.", check="drain")
        faults.clear()
        await world.recovered()
