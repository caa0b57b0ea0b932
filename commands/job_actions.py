"""`retry`, `cancel`, `fail`, `release`: what an operator can do to jobs, each job named by its id."""

import click

from commands import configured, with_ledger
from commands.audited import audited
from jobs.settings import Settings

ids_argument = click.argument("ids", nargs=-1, required=True)


@click.command()
@configured
@ids_argument
@audited
def retry(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Queue failed or cancelled jobs again."""
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.retry(ids, by=by, reason=reason)):
        click.echo(f"{job_id} is queued")


@click.command()
@configured
@ids_argument
@audited
def cancel(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Cancel jobs that are still queued: nothing of them was sent."""
    why = reason or "Cancelled by an operator."
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.cancel(ids, by=by, reason=why)):
        click.echo(f"{job_id} is cancelled")


@click.command()
@configured
@ids_argument
@audited
def fail(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Reject jobs that are still queued; the reason is shown to the person who signed up."""
    if not reason:
        raise click.UsageError("--reason is needed: it is shown to the person who signed up")
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.fail(ids, by=by, reason=reason)):
        click.echo(f"{job_id} is failed")


@click.command()
@configured
@ids_argument
@audited
def release(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Give up held initial balances, so that they are paid again.

    Look on the chain first: a balance that did arrive would be paid twice. All jobs of its transaction are released
    together.
    """
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.release_payments(ids, by=by, reason=reason)):
        click.echo(f"{job_id} is paid anew")
