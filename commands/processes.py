"""Start and stop of the program's processes: signals, systemd, garbage collection, workers."""

import asyncio
import contextlib
import gc
import os
import resource
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

GC_THRESHOLD = 50_000  #: live objects since the last collection

Stop = Callable[[], Coroutine[Any, Any, None]]


def run_serving(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on a loop that lets client connections starve nothing else, with as many open files as allowed."""
    raise_file_limit()
    with asyncio.Runner(loop_factory=FairEventLoop) as runner:
        runner.run(main)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one: each client's connection is one. Returns the limit now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # a kernel may allow less than it said
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


async def run_until_stopped(
    start: Callable[[], Coroutine[Any, Any, Stop]],
    *,
    parent: int | None = None,
    check: Callable[[], Awaitable[object]] | None = None,
    failure: Callable[[], Coroutine[Any, Any, Exception]] | None = None,
) -> None:
    """Run `start`, wait for SIGTERM, SIGINT or the end of the pipe `parent`, then run the `Stop` it returned.

    With a `check`, systemd is notified: ready, alive as long as the check passes, stopping. It is also stopped once
    `failure` returns an exception, which is raised after that.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if parent is not None:
        loop.add_reader(parent, stopped.set)
    stop = await start()
    tune_gc()
    watch = None if failure is None else asyncio.create_task(failure(), name="failure")
    if watch is not None:
        watch.add_done_callback(lambda _: stopped.set())
    if check is None:
        await stopped.wait()
    else:
        await notify_systemd(stopped, check)
    await stop()
    if watch is not None:
        _end_watch(watch)


def _end_watch(watch: asyncio.Task[Exception]) -> None:
    """Raise the exception that `watch` returned; end it if it returned none."""
    if not watch.done():
        watch.cancel()
    elif not watch.cancelled():
        raise watch.result()


async def notify_systemd(stopped: asyncio.Event, check: Callable[[], Awaitable[object]]) -> None:
    """Notify systemd that the program is ready and alive, and once it is `stopped` that it stops."""
    notify(READY)
    alive = asyncio.create_task(keep_alive(check), name="watchdog")
    await stopped.wait()
    alive.cancel()
    notify(STOPPING)


def tune_gc() -> None:
    """Exempt everything that lives as long as the program from garbage collection, and collect less often.

    Requests leave no cycles, but thousands of them are alive at once: with the default threshold of 700 objects the
    collector kept scanning them, which took a tenth of a signup's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def supervise_until_stopped(program: str, settings: Settings, workers: int, listener: socket.socket) -> None:
    """Run `workers` processes that serve `listener` and one that owns the chain. Raises LedgerError or OSError.

    HTTP is stopped first, so that the chain's owner can still register what was accepted meanwhile.
    """
    raise_file_limit()  # the processes inherit it
    with listener, tempfile.TemporaryDirectory(prefix="faucet-metrics-") as metrics:
        with_ledger(settings, lambda ledger: ledger.check_writable())
        # All processes must accept each other's login cookies, even if these end with the program.
        secret = settings.secret_key or secrets.token_hex()
        shared = {"PROMETHEUS_MULTIPROC_DIR": metrics, "FAUCET_SECRET_KEY": secret}
        launch = partial(start_worker, program, settings, shared)
        http = [Role(f"http-{number}", partial(launch, listener)) for number in range(workers)]
        supervisor = Supervisor(http, [Role("chain", launch)])

        async def start() -> Stop:
            await supervisor.start()
            click.echo(f"listening on {url_of(listener)}")
            return supervisor.stop

        # The supervisor handles dying processes; only a hang of its own loop is left to the watchdog.
        asyncio.run(run_until_stopped(start, check=partial(asyncio.sleep, 0)))


async def start_worker(
    program: str, settings: Settings, shared: Mapping[str, str], listener: socket.socket | None = None
) -> asyncio.subprocess.Process:
    """Start a process that serves `listener`, or owns the chain without one, with `shared` in its environment.

    It ends when its standard input does, so it never outlives this process, even if this one is killed.
    """
    descriptors = () if listener is None else (listener.fileno(),)
    # Only the chain's owner signs: whoever breaks into a process that serves HTTP finds no key.
    hidden = () if listener is None else ("FAUCET_WIF",)
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    return await asyncio.create_subprocess_exec(
        sys.executable, *(f"-W{option}" for option in sys.warnoptions), program, "worker",
        "--config", str(settings.source), *(f"--listener={number}" for number in descriptors),
        stdin=asyncio.subprocess.PIPE, pass_fds=descriptors, start_new_session=True,
        env={**inherited, **shared},
    )  # fmt: skip
