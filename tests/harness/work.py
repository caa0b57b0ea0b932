"""Challenges of proof of work, fetched and solved."""

from collections.abc import Awaitable, Callable
from typing import Any

from jobs.ways.work import Algorithm, solve
from tests.harness.program import HttpReply
from tests.harness.serving import CLIENT, Serving, signup_of

EASY: dict[str, Any] = {"proof_of_work": "sha256", "work_seconds": 0.001}  #: settings: a few hundred attempts
ARGON2: dict[str, Any] = {"proof_of_work": "argon2", "work_seconds": 0.001}


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


async def sign_up(served: Serving, name: str, query: str = "", *, headers: Any = CLIENT, **fields: Any) -> HttpReply:
    """Post a signup of `name` with these other fields."""
    body = signup_of(name, **fields)
    return await served.fetch(f"/api/v1/accounts{query}", method="POST", headers=headers, body=body)


def refusal(reply: HttpReply) -> tuple[int, str, str | None]:
    """Its status, code and field."""
    return reply.status, reply.body["error_code"], reply.body.get("error_field")
