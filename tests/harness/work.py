"""Challenges of proof of work, fetched and solved."""

from collections.abc import Awaitable, Callable
from typing import Any

from jobs.ways.work import Algorithm, solve
from tests.harness.program import HttpReply

EASY: dict[str, Any] = {"proof_of_work": "sha256", "work_seconds": 0.001}  #: settings: a few hundred attempts


async def challenge_of(fetch: Callable[..., Awaitable[HttpReply]], **options: Any) -> dict[str, Any]:
    """A new challenge."""
    challenge: dict[str, Any] = (await fetch("/api/v1/challenge", **options)).body["challenge"]
    return challenge


async def solved(fetch: Callable[..., Awaitable[HttpReply]], **options: Any) -> str:
    """A new challenge with its solution, as a signup takes it."""
    challenge = await challenge_of(fetch, **options)
    return proof_of(challenge)


def proof_of(challenge: dict[str, Any]) -> str:
    """The challenge with its solution."""
    token = challenge["token"]
    return f"{token}.{solve(token, Algorithm(challenge['algorithm']), challenge['attempts'])}"
