"""A client that signs up as a wallet does, and waits for the account."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse

from chain.keys import format_public_key
from chain.wallet import ROLES, derive_key
from commands.client.work import CHALLENGE, WORK_CODES, work_for
from jobs.model.job import ENDED, IN_A_BLOCK

POLL_INTERVAL = 0.5  #: seconds between two requests for the chain's prefix, which a new faucet may not know yet
LONG_POLL = 20  #: seconds that one request asks the faucet to wait


class SignupFailedError(Exception):
    """The faucet refused, or the signup failed; the message is the faucet's."""

    def __init__(self, sentence: str, code: str | None = None) -> None:
        super().__init__(sentence)
        self.code = code  #: the faucet's


async def sign_up(
    url: str,
    name: str,
    password: str,
    *,
    invite: str | None = None,
    headers: Mapping[str, str] | None = None,
    within: float = 120.0,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Sign `name` up at the faucet at `url` with keys from `password`; returns its job once it is in a block.

    `invite` is the code of an invitation; `headers` go with the signup.

    Raises SignupFailedError if it is refused, fails, or is in no block after `within` seconds.
    """
    deadline = clock() + within
    prefix = await prefix_of(url, lambda: clock() < deadline)
    account = {"name": name, **keys_of(name, password, prefix), "invite": invite}
    accepted = await _submit(url, account, headers)
    if "job" not in accepted:
        raise SignupFailedError("The faucet only tries such a name out, and keeps nothing.")
    job: dict[str, Any] = accepted["job"]
    while job["state"] not in IN_A_BLOCK | ENDED and clock() < deadline:
        job = (await _fetch(f"{url}{accepted['job']['url']}?{urlencode({'wait': LONG_POLL})}"))["job"]
    if job["state"] in IN_A_BLOCK:
        registered: dict[str, Any] = (await _fetch(f"{url}{accepted['job']['url']}"))["job"]
        return registered
    raise SignupFailedError(job.get("reason") or f"The signup is still {job['state']}.")


async def _submit(url: str, account: dict[str, Any], headers: Mapping[str, str] | None) -> Any:
    """The reply to a signup, after the work that the faucet asks for. Raises SignupFailedError."""
    try:
        return await _fetch(f"{url}/api/v1/accounts", {"account": account}, headers)
    except SignupFailedError as refused:
        if refused.code not in WORK_CODES:
            raise
        work = await work_for(await _fetch(url + CHALLENGE))
        if work is None:
            raise
    return await _fetch(f"{url}/api/v1/accounts", {"account": {**account, "work": work}}, headers)


def keys_of(name: str, password: str, prefix: str) -> dict[str, str]:
    """The three public keys of `name` that a wallet derives from `password`."""
    return {f"{role}_key": format_public_key(derive_key(name, role, password).public, prefix) for role in ROLES}


async def prefix_of(url: str, keep_trying: Callable[[], bool]) -> str:
    """The prefix of the chain's public keys.

    Raises SignupFailedError if the faucet does not answer, or does not know it once `keep_trying` returns False.
    """
    while keep_trying():
        prefix = (await _fetch(f"{url}/api/v1/chain"))["chain"]["prefix"]
        if prefix is not None:
            return str(prefix)
        await asyncio.sleep(POLL_INTERVAL)
    raise SignupFailedError("The faucet does not reach its chain.")


async def _fetch(url: str, body: dict[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON reply to a GET of `url`, or to a POST of `body`. Raises SignupFailedError."""
    options: dict[str, Any] = {} if body is None else {"method": "POST", "body": msgspec.json.encode(body)}
    if headers:
        options["headers"] = headers
    try:
        response: HTTPResponse = await AsyncHTTPClient().fetch(
            url, raise_error=False, request_timeout=LONG_POLL * 2, **options
        )
        reply = msgspec.json.decode(response.body or b"{}")
    except (OSError, HTTPClientError, msgspec.DecodeError) as error:
        raise SignupFailedError(f"{url} does not answer as a faucet does: {error}") from error
    # A faucet with `old_clients` refuses with 200.
    if response.code != 200 or sentence_of(reply) is not None:
        code = reply.get("error_code") if isinstance(reply, dict) else None
        raise SignupFailedError(sentence_of(reply) or f"{url} answers with status {response.code}.", code)
    return reply


def sentence_of(reply: Any) -> str | None:
    """The sentence of an error reply; None if the reply is no error."""
    match reply:
        case {"error": {"base": [str(sentence), *_]}}:
            return sentence
    return None
