"""A client that signs up many names at one faucet, some at a time, and retries where that helps."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse

from commands.client.results import DRY_RUN, REGISTERED, Outcome
from commands.client.rows import Row
from commands.client.wallet import LONG_POLL, SignupFailedError, sentence_of
from commands.client.work import CHALLENGE, WORK_CODES, work_for
from jobs.errors import Code
from jobs.model.job import ENDED, IN_A_BLOCK

DELAY = 0.5  #: seconds before a request without a reply is retried, doubled each time
MAX_DELAY = 30.0
MAX_TRIES = 10  #: of a request without a reply
MAX_WORKS = 4  #: signups of one row, the first one without work
RETRY_STATUSES = frozenset({429, 503})  #: the faucet says when to come again
PROXY_STATUSES = frozenset({502, 504})  #: a proxy does not reach the faucet

Sleep = Callable[[float], Any]


class Bulk:
    """Signs up rows at one faucet; `on_wait` is called with each reason for a wait, `headers` go with the signups."""

    def __init__(
        self,
        url: str,
        prefix: str,
        *,
        concurrency: int,
        headers: Mapping[str, str] | None = None,
        on_wait: Callable[[str], None] = lambda _: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._concurrency = concurrency
        self._headers = headers or {}
        self._on_wait = on_wait
        self._sleep = sleep
        self._working = asyncio.Lock()  # a core does no more by doing several at once
        self._client = AsyncHTTPClient(force_instance=True, max_clients=concurrency)

    async def run(self, rows: Iterator[Row], report: Callable[[Outcome], None]) -> Counter[str]:
        """Sign up all `rows`, `report` each outcome as it comes, and return how many there were of each.

        Raises SignupFailedError if the faucet does not answer for minutes, and what `report` raises.
        """
        outcomes: Counter[str] = Counter()

        async def work() -> None:
            for row in rows:  # shared by the workers, so each row is taken once
                outcome = await self._sign_up(row)
                outcomes[outcome.outcome] += 1
                report(outcome)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(work())
        except ExceptionGroup as errors:
            # What ends one worker ends them all: the faucet is gone, or the disk is full.
            raise errors.exceptions[0] from None
        finally:
            self._client.close()
        return outcomes

    async def _sign_up(self, row: Row) -> Outcome:
        if row.problem is not None:
            return Outcome(f"line {row.line}", row.problem)
        response = await self._submit(row.account(self._prefix))
        reply = _json(response)
        if isinstance(job := reply.get("job"), dict):
            return await self._follow(row.name, job["id"])
        return Outcome(row.name, DRY_RUN if "dry_run" in reply else _code(response))

    async def _submit(self, account: Mapping[str, str]) -> HTTPResponse:
        """The reply to a signup, after the work that the faucet asks for; what is over by then is done again."""
        work: dict[str, str] = {}
        for _ in range(MAX_WORKS):
            body = msgspec.json.encode({"account": {**account, **work}})
            response = await self._request(
                f"/api/v1/accounts?wait={LONG_POLL}", method="POST", body=body, headers=self._headers
            )
            if _code(response) not in WORK_CODES:
                break
            async with self._working:
                proof = await work_for(_json(await self._request(CHALLENGE)))
            if proof is None:
                break
            work = {"work": proof}
        return response

    async def _follow(self, name: str, job_id: str) -> Outcome:
        """Wait until the job is in a block or has ended; returns its outcome."""
        wait = ""
        while True:
            response = await self._request(f"/api/v1/jobs/{job_id}{wait}")
            job = _json(response).get("job")
            if not isinstance(job, dict):
                return Outcome(name, _code(response), "", job_id)
            if job["state"] in IN_A_BLOCK:
                return Outcome(name, REGISTERED, job["account_id"], job_id)
            if job["state"] in ENDED:
                return Outcome(name, job["code"], "", job_id)
            wait = f"?wait={LONG_POLL}"

    async def _request(self, path: str, **options: Any) -> HTTPResponse:
        """The reply at `path`, after retries. Retrying a signup is safe: it is the same job.

        Raises SignupFailedError if there is no reply after MAX_TRIES.
        """
        tries = 0
        while tries < MAX_TRIES:
            response = await self._fetch(path, **options)
            if response is not None and not _may_change(response):
                return response
            retry_after = "" if response is None else response.headers.get("Retry-After", "")
            tries += not retry_after.isdecimal()
            self._on_wait("The faucet does not answer." if response is None else _sentence(response))
            await self._sleep(float(retry_after) if retry_after.isdecimal() else min(DELAY * 2**tries, MAX_DELAY))
        raise SignupFailedError("The faucet does not answer. Run it again: it goes on where it was.")

    async def _fetch(self, path: str, **options: Any) -> HTTPResponse | None:
        """The reply, whatever its status; None if there is none."""
        url = self._url + path
        try:
            return await self._client.fetch(url, raise_error=False, request_timeout=2 * LONG_POLL, **options)
        except (OSError, HTTPClientError):  # no connection, or one that closed without a reply
            return None


def _json(response: HTTPResponse) -> dict[str, Any]:
    """The reply's object; an empty one if a proxy answered with something else."""
    try:
        reply = msgspec.json.decode(response.body or b"{}")
    except msgspec.DecodeError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _may_change(response: HTTPResponse) -> bool:
    """Whether a retry may be answered differently. A faucet with `old_clients` throttles with status 200."""
    if response.code in RETRY_STATUSES | PROXY_STATUSES:
        return True
    return _json(response).get("error_code") == Code.THROTTLED


def _code(response: HTTPResponse) -> str:
    """The error code; for a proxy's reply its status."""
    return str(_json(response).get("error_code", f"status_{response.code}"))


def _sentence(response: HTTPResponse) -> str:
    """Why the request has to be retried."""
    return sentence_of(_json(response)) or f"The faucet's proxy answers {response.code}."
