"""How the program's processes start, serve and stop."""

import asyncio
import gc
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import click

from commands import with_ledger
from commands.event_loop import FairEventLoop
from commands.supervisor import Role, Supervisor
from commands.systemd import READY, STOPPING, keep_alive, notify
from handlers.server import url_of
from jobs.settings import Settings

COLLECT_AFTER = 50_000  #: objects made and not yet gone

Stop = Callable[[], Coroutine[Any, Any, None]]


def run_serving(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on a loop that shares its time fairly between clients and the chain."""
    with asyncio.Runner(loop_factory=FairEventLoop) as runner:
        runner.run(main)


async def run_until_stopped(
    start: Callable[[], Coroutine[Any, Any, Stop]],
    *,
    parent: int | None = None,
    check: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Start something, and call what that returned when SIGTERM or SIGINT comes, or the pipe `parent` ends.

    With a `check`, systemd hears that it is ready, is alive as long as the check passes, and stops.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if parent is not None:
        loop.add_reader(parent, stopped.set)
    stop = await start()
    tune_gc()
    if check is None:
        await stopped.wait()
    else:
        await notify_systemd(stopped, check)
    await stop()


async def notify_systemd(stopped: asyncio.Event, check: Callable[[], Awaitable[object]]) -> None:
    """Tell systemd how the program is until it is to stop."""
    notify(READY)
    alive = asyncio.create_task(keep_alive(check), name="watchdog")
    await stopped.wait()
    alive.cancel()
    notify(STOPPING)


def tune_gc() -> None:
    """Let the garbage collector pass over what lives as long as the program, and come less often.

    A request leaves no cycles behind, and a crowd of them waits at once: at the usual threshold of 700 objects the
    collector looks at them again and again, which took a tenth of a signup's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def supervise_until_stopped(program: str, settings: Settings, workers: int, listener: socket.socket) -> None:
    """Let `workers` processes of `program` serve `listener`, and one more own the chain. Raises LedgerError or OSError.

    HTTP ends before the chain's owner does: what was accepted meanwhile may still be registered.
    """
    with listener, tempfile.TemporaryDirectory(prefix="faucet-metrics-") as counts:
        with_ledger(settings, lambda ledger: ledger.check_writable())
        # A login cookie of one process must be good for all, even if it is to end with the program.
        secret = settings.secret_key or secrets.token_hex()
        shared = {"PROMETHEUS_MULTIPROC_DIR": counts, "FAUCET_SECRET_KEY": secret}
        begin = partial(start_worker, program, settings, shared)
        http = [Role(f"http-{number}", partial(begin, listener)) for number in range(workers)]
        supervisor = Supervisor(http, [Role("chain", begin)])

        async def start() -> Stop:
            await supervisor.start()
            click.echo(f"listening on {url_of(listener)}")
            return supervisor.stop

        # What can go wrong beside a hanging loop is looked after by the supervisor itself.
        asyncio.run(run_until_stopped(start, check=partial(asyncio.sleep, 0)))


async def start_worker(
    program: str, settings: Settings, shared: Mapping[str, str], listener: socket.socket | None = None
) -> asyncio.subprocess.Process:
    """A process that serves `listener`, or that owns the chain; its environment has what all processes share.

    It ends when this one does, however that happens: its standard input does.
    """
    descriptors = () if listener is None else (listener.fileno(),)
    return await asyncio.create_subprocess_exec(
        sys.executable, *(f"-W{option}" for option in sys.warnoptions), program, "worker",
        "--config", str(settings.source), *(f"--listener={number}" for number in descriptors),
        stdin=asyncio.subprocess.PIPE, pass_fds=descriptors, start_new_session=True,
        env={**os.environ, **shared},
    )  # fmt: skip
