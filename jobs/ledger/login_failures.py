"""Failed logins, limited by client and in all, for every process and across restarts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.errors import Code, FaucetError
from jobs.ledger.store import Part, Row, Tx

THIS_MACHINE, EVERYBODY = "this machine", "everybody"  #: in the column `client`, where an address stands else

FORGIVEN_AT = "SELECT forgiven_at FROM login_failures WHERE client = ?"
COUNT_FAILURE = """
    INSERT INTO login_failures (client, forgiven_at) VALUES (?, ?)
    ON CONFLICT (client) DO UPDATE SET forgiven_at = excluded.forgiven_at
"""
FORGIVE_ONE = "UPDATE login_failures SET forgiven_at = forgiven_at - ? WHERE client = ?"
PURGE = "DELETE FROM login_failures WHERE forgiven_at <= ? OR forgiven_at > ?"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many logins may fail at once, and after how many milliseconds one of them is forgiven."""

    burst: int
    interval: int

    def wait(self, remaining: int) -> int:
        """Milliseconds until another login may fail; not above 0: now."""
        return remaining - (self.burst - 1) * self.interval


CLIENT, TOGETHER = Limit(5, 60_000), Limit(50, 2_000)
#: Milliseconds that no failure takes to be forgiven, unless the clock was set back since: nobody waits for that.
TOO_LONG = 2 * CLIENT.burst * CLIENT.interval


class LoginFailures(Part):
    """Each attempt counts as failed until the password proves right. This machine's are not among everybody's."""

    async def count(self, client: str | None) -> None:
        """Count an attempt from the address `client`; None is this machine.

        Raises FaucetError `throttled` after too many failures.
        """
        limits, now = _limits(client), self._store.now()
        # Read first, so that a flood of attempts that are refused takes no lock from signups.
        rows = {name: await self._store.read(FORGIVEN_AT, (name,)) for name in limits}
        _check(limits, {name: _remaining(rows[name], now) for name in limits})
        await self._store.run(lambda tx: _count(tx, limits))

    async def forgive(self, client: str | None) -> None:
        """The password of an attempt that was counted is right."""
        forgiven = [(limit.interval, name) for name, limit in _limits(client).items()]
        await self._store.run(lambda tx: tx.executemany(FORGIVE_ONE, forgiven))

    async def purge(self) -> None:
        """Delete the addresses whose failures are forgiven."""
        await self._store.run(_purge)


def _limits(client: str | None) -> Mapping[str, Limit]:
    return {THIS_MACHINE: CLIENT} if client is None else {client: CLIENT, EVERYBODY: TOGETHER}


def _remaining(rows: Sequence[Row], now: int) -> int:
    """Milliseconds until the last of these rows of FORGIVEN_AT, if there is one, is forgiven."""
    remaining: int = rows[0]["forgiven_at"] - now if rows else 0
    return remaining if 0 < remaining <= TOO_LONG else 0


def _check(limits: Mapping[str, Limit], remaining: Mapping[str, int]) -> None:
    wait = math.ceil(max(limit.wait(remaining[name]) for name, limit in limits.items()) / 1000)
    if wait > 0:
        raise FaucetError(Code.THROTTLED, f"Too many logins failed. Please wait {wait} seconds.", retry_after=wait)


def _count(tx: Tx, limits: Mapping[str, Limit]) -> None:
    _purge(tx)
    remaining = {name: _remaining(tx.execute(FORGIVEN_AT, (name,)), tx.now) for name in limits}
    _check(limits, remaining)
    counted = [(name, tx.now + remaining[name] + limit.interval) for name, limit in limits.items()]
    tx.executemany(COUNT_FAILURE, counted)


def _purge(tx: Tx) -> None:
    tx.execute(PURGE, (tx.now, tx.now + TOO_LONG))
