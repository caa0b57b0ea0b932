"""Proof of work, done for a faucet that asks for it."""

import asyncio
from typing import Any

from jobs.errors import Code
from jobs.ways.work import LANES, MEMORY, PASSES, PRECHECK, Algorithm, solve

#: With these a faucet asks for work, or for other work than was sent.
WORK_CODES = frozenset({Code.WORK_REQUIRED, Code.INVALID_WORK})
CHALLENGE = "/api/v1/challenge"

_ARGON2 = {"memory": MEMORY, "passes": PASSES, "lanes": LANES, "precheck": PRECHECK}


async def work_for(reply: Any) -> str | None:
    """What to send as `work`, for a reply of CHALLENGE; None if that has no challenge that is known here."""
    match reply:
        case {"challenge": {"token": str(token), "algorithm": "sha256" | "argon2" as name, "attempts": int(wanted)}}:
            algorithm = Algorithm(name)
        case _:
            return None
    if algorithm is Algorithm.ARGON2 and reply["challenge"].get("argon2") != _ARGON2:
        return None
    return f"{token}.{await asyncio.to_thread(solve, token, algorithm, wanted)}"
