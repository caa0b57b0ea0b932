"""Which requests are being answered: the program stops when there are none."""

import asyncio


class InFlight:
    """Requests that have come and are not answered."""

    def __init__(self) -> None:
        self._requests: set[object] = set()
        self._none = asyncio.Event()
        self._none.set()

    def enter(self, request: object) -> None:
        """One more."""
        self._requests.add(request)
        self._none.clear()

    def leave(self, request: object) -> None:
        """One less: it was answered, or its client has gone. A second call does nothing."""
        self._requests.discard(request)
        if not self._requests:
            self._none.set()

    async def wait_none(self, seconds: float) -> bool:
        """Whether all were answered within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._none.wait()
        except TimeoutError:
            return False
        return True
