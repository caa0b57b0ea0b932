"""`pause` and `resume`: stop the intake or the drain, and start it again."""

from collections.abc import Awaitable, Callable

import click

from commands import configured, with_ledger
from commands.audited import audited
from jobs.ledger import Ledger
from jobs.model.operators import PARTS
from jobs.settings import Settings

part_argument = click.argument("part", type=click.Choice(PARTS), required=False)


@click.command()
@configured
@part_argument
@audited
def pause(settings: Settings, part: str | None, by: str, reason: str) -> None:
    """Pause the intake (new signups are refused) or the drain (nothing new is sent); both without PART."""
    why = reason or "Paused by an operator."
    for each in _for_parts(settings, part, lambda ledger, each: ledger.operators.pause(each, by=by, reason=why)):
        click.echo(f"{each} is paused")


@click.command()
@configured
@part_argument
@audited
def resume(settings: Settings, part: str | None, by: str, reason: str) -> None:
    """Resume the intake or the drain; both without PART."""
    for each in _for_parts(settings, part, lambda ledger, each: ledger.operators.resume(each, by=by, reason=reason)):
        click.echo(f"{each} goes on")


def _for_parts(settings: Settings, part: str | None, action: Callable[..., Awaitable[None]]) -> tuple[str, ...]:
    """Run `action` for `part`, or for every part without one; returns the parts it ran for."""
    parts = PARTS if part is None else (part,)

    async def run(ledger: Ledger) -> None:
        for each in parts:
            await action(ledger, each)

    with_ledger(settings, run)
    return parts
