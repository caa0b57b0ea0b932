"""How many requests are being answered: the program stops when there are none."""

import asyncio


class InFlight:
    """Counts requests."""

    def __init__(self) -> None:
        self._requests = 0
        self._none = asyncio.Event()
        self._none.set()

    def enter(self) -> None:
        """One more request."""
        self._requests += 1
        self._none.clear()

    def leave(self) -> None:
        """One less."""
        self._requests -= 1
        if self._requests == 0:
            self._none.set()

    async def wait_none(self, seconds: float) -> bool:
        """Whether all were answered within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._none.wait()
        except TimeoutError:
            return False
        return True
