"""What several test modules need."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

DATA = Path(__file__).parent / "data"

T = TypeVar("T")


def run(scenario: Coroutine[Any, Any, T], *, guard: float = 60.0) -> T:
    """Run `scenario` on a fresh event loop; `guard` seconds bound a test that would hang."""

    async def guarded() -> T:
        # A slow step is a busy machine's, and no test's.
        asyncio.get_running_loop().slow_callback_duration = guard
        async with asyncio.timeout(guard):
            return await scenario

    return asyncio.run(guarded(), debug=True)


def data(name: str) -> Any:
    """The JSON file `name` of tests/data."""
    return json.loads((DATA / name).read_text())
