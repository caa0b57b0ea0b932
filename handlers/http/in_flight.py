"""Requests in flight: a stopping program waits until there are none."""

import asyncio


class InFlight:
    """Requests that were received and are not answered yet."""

    def __init__(self) -> None:
        self._requests: set[object] = set()
        self._none = asyncio.Event()
        self._none.set()

    def enter(self, request: object) -> None:
        """Add a request."""
        self._requests.add(request)
        self._none.clear()

    def leave(self, request: object) -> None:
        """Remove a request that was answered or whose client has disconnected. A second call does nothing."""
        self._requests.discard(request)
        if not self._requests:
            self._none.set()

    async def wait_none(self, seconds: float) -> bool:
        """Whether none was left within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._none.wait()
        except TimeoutError:
            return False
        return True
