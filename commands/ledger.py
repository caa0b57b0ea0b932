"""The ledger from the shell, safe beside a running server."""

import getpass
import os
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from commands import configured, with_ledger
from commands.terminal import print_audit, print_jobs
from handlers.render import job_json
from handlers.spreadsheet import csv_of_jobs
from jobs.ledger import Ledger
from jobs.ledger.backup import back_up, delete_old_backups
from jobs.model.job import Job, State
from jobs.model.operators import PARTS
from jobs.monitoring.notices import check_waivable
from jobs.settings import Settings


def user() -> str:
    """Who types: the name of the account on this machine, or its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # of a container's user; the exception depends on Python's version
        return f"uid {os.getuid()}"


def steers(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` who does it and why, which the audit keeps."""
    by = click.option("--by", default=user, show_default="you", help="Who does it, for the audit.")
    reason = click.option("--reason", default="", help="Why, for the audit.")
    return by(reason(command))


@click.command()
@configured
def init(settings: Settings) -> None:
    """Make the ledger, or migrate it."""
    with_ledger(settings, lambda ledger: ledger.check_writable())
    click.echo(f"{settings.ledger.name} is ready")


@click.command()
@configured
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--name", help="Of the account.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The newest so many.")
@click.option("--held", is_flag=True, help="Those whose initial balance is held, the oldest first.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each.")
def jobs(settings: Settings, *, state: str | None, name: str | None, limit: int, held: bool, as_json: bool) -> None:
    """List jobs, the newest first; the reason of a queued one says why it was put off."""
    if held and (state or name):
        raise click.UsageError("--held goes with neither --state nor --name")
    wanted = None if state is None else State(state)

    def find(ledger: Ledger) -> Coroutine[Any, Any, list[Job]]:
        return ledger.queries.held_jobs(limit) if held else ledger.queries.jobs(state=wanted, name=name, limit=limit)

    found = with_ledger(settings, find)
    if as_json:
        for job in found:
            click.echo(msgspec.json.encode(job_json(job)))
    else:
        print_jobs(found)


@click.command()
@configured
@click.argument("ids", nargs=-1, required=True)
@steers
def retry(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Queue failed or cancelled jobs again."""
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.retry(ids, by=by, reason=reason)):
        click.echo(f"{job_id} is queued")


@click.command()
@configured
@click.argument("ids", nargs=-1, required=True)
@steers
def cancel(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """End jobs of which nothing has left yet."""
    told = reason or "Cancelled by an operator."
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.cancel(ids, by=by, reason=told)):
        click.echo(f"{job_id} is cancelled")


@click.command()
@configured
@click.argument("ids", nargs=-1, required=True)
@steers
def fail(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Refuse jobs of which nothing has left yet; who signed up is told the reason."""
    if not reason:
        raise click.UsageError("--reason is needed: who signed up is told it")
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.fail(ids, by=by, reason=reason)):
        click.echo(f"{job_id} is failed")


@click.command()
@configured
@click.argument("ids", nargs=-1, required=True)
@steers
def release(settings: Settings, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Give up held initial balances of jobs, so that they are paid anew.

    Look on the chain first: one that was paid is paid twice. All jobs of its transaction are released together.
    """
    for job_id in with_ledger(settings, lambda ledger: ledger.operators.release_payments(ids, by=by, reason=reason)):
        click.echo(f"{job_id} is paid anew")


@click.command()
@configured
@steers
def waive(settings: Settings, by: str, reason: str) -> None:
    """Pay no initial balance to those who wait for one, once initial balances are switched off."""
    check_waivable(settings)
    waived = with_ledger(settings, lambda ledger: ledger.operators.waive(by=by, reason=reason))
    click.echo(f"initial balances waived: {waived}")


@click.command()
@configured
@steers
def refollow(settings: Settings, by: str, reason: str) -> None:
    """Forget the blocks that were followed, after a node made some up; a running faucet reads them anew."""
    blocks = with_ledger(settings, lambda ledger: ledger.operators.refollow(by=by, reason=reason))
    click.echo(f"{blocks} blocks are forgotten; a running faucet reads them anew, without a restart")


def steer_parts(settings: Settings, part: str | None, deed: Callable[..., Awaitable[None]]) -> tuple[str, ...]:
    """Do `deed` to `part`, or to both without one; those that it was done to."""
    parts = PARTS if part is None else (part,)

    async def work(ledger: Ledger) -> None:
        for each in parts:
            await deed(ledger, each)

    with_ledger(settings, work)
    return parts


@click.command()
@configured
@click.argument("part", type=click.Choice(PARTS), required=False)
@steers
def pause(settings: Settings, part: str | None, by: str, reason: str) -> None:
    """Let the intake (new signups are refused) or the drain (nothing new is sent) stand still; without PART both."""
    told = reason or "Paused by an operator."
    for each in steer_parts(settings, part, lambda ledger, each: ledger.operators.pause(each, by=by, reason=told)):
        click.echo(f"{each} is paused")


@click.command()
@configured
@click.argument("part", type=click.Choice(PARTS), required=False)
@steers
def resume(settings: Settings, part: str | None, by: str, reason: str) -> None:
    """Let the intake or the drain go on; without PART both."""
    for each in steer_parts(settings, part, lambda ledger, each: ledger.operators.resume(each, by=by, reason=reason)):
        click.echo(f"{each} goes on")


@click.command()
@configured
@click.option("--search", default="", help="A job's id, an account's, a transaction's, or how a name begins.")
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--by", default=user, show_default="you", help="Who does it, for the audit.")
def export(settings: Settings, search: str, state: str | None, by: str) -> None:
    """Print jobs as CSV: all, or those that a search finds."""

    async def work(ledger: Ledger) -> None:
        async for lines in csv_of_jobs(ledger, search, None if state is None else State(state), by=by):
            click.echo(lines, nl=False)

    with_ledger(settings, work)


@click.command()
@configured
@click.option("--target", help="Only what was done to this job or part.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
def audit(settings: Settings, target: str | None, limit: int) -> None:
    """List what operators did, the newest first."""
    print_audit(with_ledger(settings, lambda ledger: ledger.operators.audit(target=target, limit=limit)))


@click.command()
@configured
@click.argument("to", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(1), default=14, show_default=True, help="Copies to keep, if TO is a folder."
)
def backup(settings: Settings, to: Path, keep: int) -> None:
    """Copy the ledger while it is used: to the file TO, or with the time in its name to the folder TO."""
    if not to.is_dir():
        back_up(settings.ledger, to)
        click.echo(f"{to} is a whole copy of the ledger")
        return
    stem = settings.ledger.stem
    copy = to / f"{stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"
    back_up(settings.ledger, copy)
    for old in delete_old_backups(to, f"{stem}-*Z.db", keep):
        click.echo(f"{old} is deleted")
    click.echo(f"{copy} is a whole copy of the ledger")


COMMANDS = (init, jobs, retry, cancel, fail, release, waive, refollow, pause, resume, audit, export, backup)
