"""Ledgers after random steps, moved amid them: the model says what must be in them, and every job still ends."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ledger.move.mover import move
from tests.harness.engines import FILE, Databases, Shell, on_postgresql
from tests.harness.postgresql import Server
from tests.ledger.test_model import MOVES, LedgerMachine

STEPS = st.lists(MOVES, min_size=40, max_size=80)


def take(machine: LedgerMachine, steps: list[tuple[Any, ...]]) -> None:
    """Take the steps, and check what must hold after them."""
    for name, *arguments in steps:
        getattr(machine, name)(*arguments)
    machine.every_job_stands_where_it_must()
    machine.every_transaction_has_its_fate()
    machine.counts_are_right()
    machine.nobody_is_paid_twice_or_by_mistake()
    machine.done_is_irreversible()


def move_to_postgresql(machine: LedgerMachine, databases: Databases) -> None:
    """As the steps crash the faucet, but with its ledger elsewhere then."""
    machine.run(machine.ledger.close())
    machine.shell.close()
    move(machine.folder / FILE, databases.url_of(machine.folder), lambda *_report: None, batch=4)
    machine.ledger, machine.shell = machine.run(machine._open()), Shell(machine.folder)
    machine.crash()


@settings(max_examples=5, derandomize=True, deadline=None)
@given(before=STEPS, after=STEPS)
def test_random_ledger_goes_on_in_postgresql(
    postgresql: Server, before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    machine = LedgerMachine()
    take(machine, before)
    with on_postgresql(postgresql) as databases:
        move_to_postgresql(machine, databases)
        take(machine, after)
        machine.teardown()  # every job ends
