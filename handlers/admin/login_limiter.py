"""Verifies passwords, one at a time, unless too many were wrong."""

import asyncio

from jobs.ledger.login_failures import LoginFailures
from jobs.settings.passwords import verify_password


class LoginLimiter:
    """Failures count in the ledger, so that the limits hold across processes and restarts."""

    def __init__(self, failures: LoginFailures) -> None:
        self._failures = failures
        self._lock = asyncio.Lock()

    async def admits(self, password: str, hashed: str, client: str | None) -> bool:
        """Whether `hashed` is a hash of `password`, sent from the address `client` (None: from this machine).

        Raises FaucetError `throttled` after too many failures, `ledger_unavailable` if they can't be counted.
        """
        # Before the password is looked at: of a hundred attempts at once only as many are as may fail.
        await self._failures.count(client)
        # In a thread, so the event loop runs on; one at a time, so logins take one core and 64 MiB at most.
        async with self._lock:
            right = await asyncio.to_thread(verify_password, password, hashed)
        if right:
            await self._failures.forgive(client)
        return right
