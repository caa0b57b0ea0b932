"""Every condition of the faucet, declared once with its name and its one sentence. Pure."""

from collections.abc import Iterable, Mapping

from jobs.conditions.operating import OPERATING
from jobs.conditions.registering import REGISTERING
from jobs.conditions.values import FAILURE_WINDOW, Condition, Input, LedgerStatus
from jobs.model.chain import ChainStatus
from jobs.settings import Settings

__all__ = ["CONDITIONS", "FAILURE_WINDOW", "Condition", "LedgerStatus", "conditions", "first_failing"]

CONDITIONS = REGISTERING | OPERATING


def conditions(
    status: ChainStatus, settings: Settings, now: float, ledger: LedgerStatus | None = None
) -> list[Condition]:
    """Every condition that applies and can be evaluated at `now`, seconds since 1970.

    Without `ledger` those that only it knows hold.
    """
    given = Input(status, settings, now, LedgerStatus() if ledger is None else ledger)
    results = ((name, evaluate(given)) for name, evaluate in CONDITIONS.items())
    return [Condition(name, *result) for name, result in results if result is not None]


def first_failing(found: Iterable[Condition], names: Iterable[str]) -> str | None:
    """The sentence of the first of the conditions `names` that fails among those `found`; None where none does."""
    failing: Mapping[str, str] = {condition.name: condition.text for condition in found if not condition.ok}
    return next((failing[name] for name in names if name in failing), None)
