"""`serve --workers`: processes that serve HTTP, one that owns the chain, and their supervisor."""

import asyncio
import contextlib
import os
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from chain.text import one_line
from commands import with_ledger
from commands.heartbeat import Heart
from commands.metrics_folder import held_folder, metrics_folder
from commands.processes import Stop, raise_file_limit, run_until_stopped
from commands.supervisor import Child, Role, Supervisor
from handlers.server import url_of
from jobs.monitoring.metrics import Metrics
from jobs.monitoring.shared_counts import clear
from jobs.settings import ConfigError, Settings, load


def supervise_until_stopped(
    program: str, settings: Settings, workers: int, listener: socket.socket, *, owns: bool
) -> None:
    """Run `workers` processes that serve `listener`, and one that stands in line for the chain if it `owns` it.

    Raises LedgerError or OSError.

    HTTP is stopped first, so that the chain's owner can still register what was accepted meanwhile.
    """
    raise_file_limit()  # the processes inherit it
    with contextlib.ExitStack() as opened:
        opened.enter_context(listener)
        with_ledger(settings, lambda ledger: ledger.check_writable())
        beside = settings.ledger_file or settings.source or Path("faucet")
        folder = opened.enter_context(held_folder(metrics_folder(beside, os.environ)))
        clear(folder)
        # All processes must accept each other's sessions, even if these end with the program.
        shared = {"FAUCET_SECRET_KEY": settings.secret_key or secrets.token_hex()}
        launch = partial(start_worker, worker_command(program, settings, folder), shared)
        http = [Role(f"http-{place}", partial(launch, f"http-{place}", (listener, place))) for place in range(workers)]
        owner = [Role("chain", partial(launch, "chain"))] if owns else []
        _supervise(http, owner, Metrics(folder, "supervisor"), url_of(listener))
        clear(folder)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _supervise(http: Sequence[Role], owner: Sequence[Role], metrics: Metrics, url: str) -> None:
    """Run the processes until stopped, and share the supervisor's own `metrics`."""
    supervisor = Supervisor(http, owner, metrics=metrics)

    async def start() -> Stop:
        await supervisor.start()
        sharing = asyncio.create_task(metrics.share(), name="metrics")
        click.echo(f"listening on {url}")

        async def stop() -> None:
            sharing.cancel()
            await supervisor.stop()

        return stop

    # Processes that die are started again here; a hang that is not over soon is left to the watchdog.
    asyncio.run(run_until_stopped(start, check=supervisor.check, reload=supervisor.reload))


def check_key_apart(settings: Settings) -> None:
    """End with exit code 2 where the registrar's key is wrong, without holding it: a process of its own reads it."""
    child = os.fork()
    if child == 0:
        os._exit(_check_key(settings))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        sys.exit(code)


def _check_key(settings: Settings) -> int:
    """The exit code; the mistake is printed."""
    assert settings.source is not None  # noqa: S101  # they were loaded; for the types
    try:
        load(settings.source, os.environ)
    except ConfigError as error:
        click.echo(one_line(str(error)), err=True)
        return 2
    return 0


def worker_command(program: str, settings: Settings, metrics: Path) -> list[str]:
    """The command line of every process, without what is its own."""
    warnings = (f"-W{option}" for option in sys.warnoptions)
    config = ("--config", str(settings.source))
    return [sys.executable, *warnings, program, "worker", *config, f"--metrics={metrics}"]


async def start_worker(
    command: Sequence[str], shared: Mapping[str, str], name: str, http: tuple[socket.socket, int] | None = None
) -> Child:
    """Start the process `name` by `command`: it serves `http`, or owns the chain without. Raises OSError.

    `http` is a listener, and the process's place among those that accept from it.

    `shared` is added to its environment. It ends when its standard input does, so it never outlives this process, even
    if this one is killed.
    """
    descriptors = () if http is None else (http[0].fileno(),)
    serving = () if http is None else (f"--listener={http[0].fileno()}", f"--place={http[1]}")
    # Only the chain's owner signs: whoever breaks into a process that serves HTTP finds no key.
    hidden = () if http is None else ("FAUCET_WIF",)
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    with contextlib.ExitStack() as opened:
        heart = Heart()
        opened.callback(heart.close)
        process = await asyncio.create_subprocess_exec(
            *command, f"--name={name}", *serving,
            stdin=heart.process_end.fileno(), pass_fds=descriptors, start_new_session=True,
            env={**inherited, **shared},
        )  # fmt: skip
        opened.pop_all()
    heart.process_end.close()
    return Child(process, heart)
