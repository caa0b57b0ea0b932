"""Start and stop of a process that serves: signals, systemd, its supervisor, garbage collection."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from commands.event_loop import MAX_CLIENTS, MAX_CLIENTS_ALONE, FairEventLoop
from commands.heartbeat import beat
from commands.systemd import READY, STOPPING, keep_alive, notify

HTTP_NICE = 10  #: of processes that serve HTTP beside the chain's owner: a tenth of its share of a core (nice(2))
AUTOGROUP, AUTOGROUP_ATTEMPTS = Path("/proc/self/autogroup"), 10
GC_THRESHOLD = 50_000  #: live objects since the last collection

Stop = Callable[[], Coroutine[Any, Any, None]]


def run_serving(main: Coroutine[Any, Any, None], *, chain: bool) -> None:
    """Run `main` on a loop that lets client connections starve nothing else, with as many open files as allowed.

    `chain`: it may own the chain.
    """
    raise_file_limit()
    max_clients = MAX_CLIENTS if chain else MAX_CLIENTS_ALONE
    with asyncio.Runner(loop_factory=partial(FairEventLoop, max_clients)) as runner:
        runner.run(main)


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one: each client's connection is one. Returns the limit now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # a kernel may allow less than it said
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def stand_back() -> None:
    """Let the chain's owner have the processor first where it is scarce: else more is accepted than it can register."""
    os.nice(HTTP_NICE)
    # Each process is a session, and among sessions the kernel heeds their autogroups' values only (sched(7)).
    for _ in range(AUTOGROUP_ATTEMPTS):
        try:
            AUTOGROUP.write_text(str(HTTP_NICE))
        except BlockingIOError:  # others than root change one of them all in a tenth of a second
            time.sleep(0.1)
        except OSError:  # a kernel may have none
            return
        else:
            return


async def run_until_stopped(
    start: Callable[[], Coroutine[Any, Any, Stop]],
    *,
    parent: int | None = None,
    check: Callable[[], Awaitable[object]] | None = None,
    failure: Callable[[], Coroutine[Any, Any, Exception]] | None = None,
    reload: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Run `start`, wait for SIGTERM, SIGINT or the end of the socket `parent`, then run the `Stop` it returned.

    SIGHUP runs `reload`, where there is one; in a terminal it means that this was closed, and is as SIGTERM.

    The supervisor at the other end of `parent` gets heartbeats. With a `check`, systemd is notified: ready, alive as
    long as the check passes, stopping. It is also stopped once `failure` returns an exception, which is raised then.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, stopped.set if _in_terminal() else partial(_begin, reload, set()))
    heartbeats = None
    if parent is not None:
        loop.add_reader(parent, stopped.set)
        heartbeats = asyncio.create_task(beat(parent), name="heartbeats")
    stop = await start()
    tune_gc()
    watch = None if failure is None else asyncio.create_task(failure(), name="failure")
    if watch is not None:
        watch.add_done_callback(lambda _: stopped.set())
    await (stopped.wait() if check is None else notify_systemd(stopped, check))
    await stop()
    if heartbeats is not None:
        heartbeats.cancel()
    if watch is not None:
        _end_watch(watch)


def _in_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def _begin(work: Callable[[], Coroutine[Any, Any, None]], running: set[asyncio.Task[None]]) -> None:
    """Begin `work`, and keep it among those `running` until it ends: the event loop keeps no reference."""
    task = asyncio.create_task(work())
    running.add(task)
    task.add_done_callback(running.discard)


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
