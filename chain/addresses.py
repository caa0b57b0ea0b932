"""Connections to hosts of several addresses: a dead one costs a moment (happy eyeballs, RFC 8305)."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chain.cancellation import end_tasks
from chain.lookups import Address, resolve

log = logging.getLogger("faucet.addresses")

T = TypeVar("T")

#: Seconds that an address has to accept a connection before the next one is tried too (RFC 8305, section 5).
CONNECT_DELAY = 0.25
#: Seconds that it then has to be ready, likewise: what accepts and says nothing is as dead as what drops packets.
READY_DELAY = 1.0

#: Makes of a connected socket, which it owns from then on, what the caller wants.
Open = Callable[[socket.socket], Awaitable[T]]


class UnreachableHost(OSError):
    """No address of a host answers; the sentence names each with its reason."""


@dataclass(slots=True)
class _Attempt(Generic[T]):
    """One address being tried."""

    address: Address
    open: Open[T]
    deadline: float  #: by the event loop's clock
    task: asyncio.Task[T] | None = None
    connected: bool = False

    async def run(self) -> T:
        """What `open` makes of a connection to the address. Raises TimeoutError, OSError, or what `open` raises."""
        doing = "while connecting"
        try:
            async with asyncio.timeout_at(self.deadline):
                connection = await _connect(self.address)
                self.connected, doing = True, "during opening handshake"
                return await self.open(connection)
        except TimeoutError:
            raise TimeoutError(f"timed out {doing}") from None

    @property
    def error(self) -> BaseException | None:
        """Why it failed; None where it is still tried, was cancelled, or succeeded."""
        if self.task is None or not self.task.done() or self.task.cancelled():
            return None
        return self.task.exception()

    @property
    def succeeded(self) -> bool:
        """Whether there is a result."""
        return self.task is not None and self.task.done() and not self.task.cancelled() and self.error is None


async def open_first(host: str, port: int, open_: Open[T], *, discard: Callable[[T], None], timeout: float) -> T:  # noqa: ASYNC109  # of all addresses
    """What `open_` makes of a connection to the first address of `host` for which it succeeds, in `timeout` seconds.

    `discard` closes what an address made that was a moment too late. Raises UnreachableHost; where `host` is an address
    itself, TimeoutError, OSError, or what `open_` raises.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    attempts = [_Attempt(address, open_, deadline) for address in await _resolved(host, port, timeout)]
    try:
        # Each begins in the first half of the time, so that the last one has time enough too.
        winner = await _race(attempts, timeout / 2 / max(1, len(attempts)))
    except BaseException:
        await _cancel(attempts, discard)
        raise
    await _cancel([each for each in attempts if each is not winner], discard)
    if winner is None or winner.task is None:
        raise _failure(host, attempts)
    _log_skipped(host, attempts, winner)
    return winner.task.result()


async def _resolved(host: str, port: int, timeout: float) -> Sequence[Address]:  # noqa: ASYNC109  # of the look-up
    try:
        async with asyncio.timeout(timeout):
            return await resolve(host, port)
    except TimeoutError:
        raise UnreachableHost(f"the name {host} was not resolved within {timeout:g} seconds") from None
    except socket.gaierror as error:
        raise UnreachableHost(f"the name {host} can't be resolved: {error.strerror}") from None


async def _race(attempts: Sequence[_Attempt[T]], longest: float) -> _Attempt[T] | None:
    """The first attempt that succeeds; None where all fail.

    Each begins when the one before fails or is slow, `longest` seconds after it at the latest.
    """
    for number, attempt in enumerate(attempts, 1):
        attempt.task = asyncio.create_task(attempt.run())
        await _wait(attempts[:number], min(CONNECT_DELAY, longest))
        if attempt.connected:
            await _wait(attempts[:number], min(READY_DELAY, longest - CONNECT_DELAY))
        if winner := _winner(attempts):
            return winner
    while any(each.task is not None and not each.task.done() for each in attempts):
        await _wait(attempts, None)
        if winner := _winner(attempts):
            return winner
    return None


async def _wait(attempts: Sequence[_Attempt[T]], delay: float | None) -> None:
    """Wait until one of the `attempts` succeeds or the last of them fails, `delay` seconds at most."""
    running = {each.task for each in attempts if each.task is not None and not each.task.done()}
    if running and not _winner(attempts):
        await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)


def _winner(attempts: Sequence[_Attempt[T]]) -> _Attempt[T] | None:
    return next((each for each in attempts if each.succeeded), None)


async def _cancel(attempts: Sequence[_Attempt[T]], discard: Callable[[T], None]) -> None:
    tasks = [each.task for each in attempts if each.task is not None]
    await end_tasks(tasks)
    for each in attempts:
        if each.succeeded and each.task is not None:
            discard(each.task.result())


async def _connect(address: Address) -> socket.socket:
    """A connected socket. Raises OSError."""
    family, target = address
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, target)
    except BaseException:
        connection.close()
        raise
    return connection


def _failure(host: str, attempts: Sequence[_Attempt[T]]) -> BaseException:
    """The exception for a `host` none of whose addresses answered."""
    errors = [each.error for each in attempts if each.error is not None]
    if len(errors) == 1 and _is_address(host):
        return errors[0]
    reasons = (f"{each.address[1][0]}: {_reason(each.error)}" for each in attempts if each.error is not None)
    return UnreachableHost("; ".join(reasons) or f"the name {host} has no address")


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host.partition("%")[0]))
    return False


def _reason(error: BaseException) -> str:
    """Why an address is of no use, without repeating it as asyncio does."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or repr(error)


def _log_skipped(host: str, attempts: Sequence[_Attempt[T]], winner: _Attempt[T]) -> None:
    for each in attempts:
        if each is not winner and each.task is not None:
            reason = "slower than another address" if each.error is None else _reason(each.error)
            fields = {"host": host, "address": each.address[1][0], "reason": reason, "used": winner.address[1][0]}
            log.info("address skipped", extra={"fields": fields})
