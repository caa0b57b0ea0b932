"""The real program in processes of its own, and a test's requests to it."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from chain.cancellation import end_tasks
from chain.keys import format_public_key
from chain.link import Link
from chain.node import Node
from chain.wallet import derive_key
from devchain.settings import published_key
from tests.harness.engines import location_of
from tests.harness.flavours import flavour, prefix

ROOT = Path(__file__).parents[2]
PREFIX = "TEST"  #: of the embedded chain, and of others where no test says otherwise
REGISTRAR_WIF = published_key("registrar").wif()

# Requests that a test makes at once are at once; by default Tornado lets all but ten wait.
AsyncHTTPClient.configure(None, max_clients=1000)

#: What is run: a file, and arguments that go before the command's.
FAUCET = ("faucet.py",)

#: A quick chain: ten blocks a second, irreversible after four.
QUICK_LAG = 4
QUICK = ("--block-interval", "0.1", "--irreversible-lag", str(QUICK_LAG), "--faults")
#: A quick faucet: it drains often, and nothing waits for an address.
HASTY = {"drain_interval": 0.1, "transaction_expiration": 10, "max_head_age": 1000, "node_timeout": 2}


class Program:
    """A command of faucet.py, running."""

    def __init__(self, process: asyncio.subprocess.Process, lines: list[str]) -> None:
        self._process = process
        self.lines = lines  #: its first lines of output

    @classmethod
    async def start(
        cls,
        *arguments: str,
        lines: int = 1,
        script: str = "faucet.py",
        log: Path | None = None,
        prefix: tuple[str, ...] = (),
    ) -> "Program":
        """Start `script` with `arguments`; returns when it has printed `lines` lines. Its log goes to `log`.

        `prefix` is a command that runs another one, and becomes it.
        """
        with contextlib.ExitStack() as files:
            errors = None if log is None else files.enter_context(log.open("ab"))
            # -P: else the folder of a script of the harness comes first, whose devchain.py would hide the package.
            process = await asyncio.create_subprocess_exec(
                *prefix, sys.executable, "-P", "-W", "error", str(ROOT / script), *arguments,
                stdout=asyncio.subprocess.PIPE, stderr=errors, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        if process.stdout is None:
            raise AssertionError("a pipe was asked for")
        output = [(await process.stdout.readline()).decode().strip() for _ in range(lines)]
        return cls(process, output)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, unless it has ended; its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        await self._process.communicate()
        return self._process.returncode or 0


@dataclass
class DevChainProgram:
    """A dev chain of its own, and a connection to it."""

    program: Program
    url: str
    link: Link
    node: Node
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def control(self, method: str, *arguments: Any) -> Any:
        """Call the dev chain's control API."""
        return msgspec.json.decode(await self.link.call("devchain", method, list(arguments)))

    async def come_back(self, *options: str, script: tuple[str, ...] = FAUCET) -> None:
        """Start its program again, after it ended."""
        port = self.url.rsplit(":", 1)[1]
        options = ("--flavour", flavour(), *options)
        self.program = await Program.start(*script[1:], "devchain", "--port", port, *options, script=script[0])

    async def stop(self) -> None:
        """End it."""
        await end_tasks(self.tasks)
        await self.program.stop()


async def _accept(_call: object, _peer: object) -> None:
    """Any node will do."""


async def start_dev_chain(*options: str, port: int = 0, script: tuple[str, ...] = FAUCET) -> DevChainProgram:
    """A dev chain with `options`, connected to."""
    options = ("--flavour", flavour(), *options)
    program = await Program.start(*script[1:], "devchain", "--port", str(port), *options, script=script[0])
    url = program.lines[0].removeprefix("dev chain on ")
    link = Link([url], validate_node=_accept, on_block=lambda: None)
    task = asyncio.create_task(link.run())
    await link.wait_connected()
    return DevChainProgram(program, url, link, Node(link.call), [task])


@contextlib.asynccontextmanager
async def dev_chain(*options: str, script: tuple[str, ...] = FAUCET) -> AsyncIterator[DevChainProgram]:
    """A dev chain that ends with the block."""
    chain = await start_dev_chain(*(options or QUICK), script=script)
    try:
        yield chain
    finally:
        await chain.stop()


@dataclass
class HttpReply:
    """An HTTP reply."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Faucet:
    """The faucet on a free port, with its own folder."""

    prefix: tuple[str, ...] = ()  #: a command that runs it where it is to run

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.config.write_text(json.dumps({"ledger": str(location_of(folder)), **settings}))
        self.url = ""
        self._program: Program | None = None

    async def start(self, *options: str, script: tuple[str, ...] = FAUCET) -> None:
        """Serve; returns when it listens."""
        arguments = (*script[1:], "serve", "--config", str(self.config), "--port", "0", *options)
        self._program = await Program.start(*arguments, script=script[0], log=self.folder / "log", prefix=self.prefix)
        self.url = self._program.lines[0].removeprefix("listening on ")

    @property
    def pid(self) -> int:
        """Of its process."""
        if self._program is None:
            raise AssertionError("it was not started")
        return self._program.pid

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        return 0 if self._program is None else await self._program.stop(number)

    async def ended(self) -> int:
        """Wait until it ends; its exit code."""
        return 0 if self._program is None else await self._program.ended()

    async def fetch(self, path: str, **options: Any) -> HttpReply:
        """The reply at `path`, JSON decoded where it is JSON."""
        response: HTTPResponse = await AsyncHTTPClient().fetch(
            self.url + path, raise_error=False, request_timeout=60, **options
        )
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        body = msgspec.json.decode(response.body) if is_json and response.body else response.body
        return HttpReply(response.code, response.headers, body)

    async def sign_up(
        self,
        name: str,
        path: str = "/api/v1/accounts",
        *,
        password: str = "secret",
        fields: Mapping[str, object] | None = None,
        **options: Any,
    ) -> HttpReply:
        """Post a signup of `name` with keys made for it, and these other fields."""
        body = msgspec.json.encode({"account": {"name": name, **keys_of(name, password), **(fields or {})}})
        return await self.fetch(path, method="POST", body=body, **options)

    async def job(self, job_id: str, *, until: str | tuple[str, ...]) -> dict[str, Any]:
        """The job as soon as its state is one of `until`."""
        states = (until,) if isinstance(until, str) else until
        while True:
            job: dict[str, Any] = (await self.fetch(f"/api/v1/jobs/{job_id}")).body["job"]
            if job["state"] in states:
                return job
            # The job may have moved between the two requests: then no event comes until it moves again.
            await self.fetch(f"/api/v1/jobs/{job_id}?wait=0.5")


async def command(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command of faucet.py."""
    return await command_of(FAUCET, *arguments)


async def command_of(script: tuple[str, ...], *arguments: str) -> tuple[int, str, str]:
    """The same of another script."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-W", "error", str(ROOT / script[0]), *script[1:], *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def wait_ready(service: Faucet, *, ready: bool = True) -> None:
    """Return when /readyz says that the faucet can register, or that it cannot."""
    while (await service.fetch("/readyz")).body["ready"] is not ready:
        """Asking is the waiting: the page has no event."""


def keys_of(name: str, password: str = "secret") -> dict[str, str]:
    """The three public keys that a wallet would make for `name`."""
    return {
        f"{role}_key": format_public_key(derive_key(name, role, password).public, prefix())
        for role in ("owner", "active", "memo")
    }


@contextlib.asynccontextmanager
async def faucet(folder: Path, chain_url: str, **settings: Any) -> AsyncIterator[Faucet]:
    """A hasty faucet on the chain at `chain_url`, that ends with the block."""
    service = Faucet(folder, on_chain(chain_url, **settings))
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


def on_chain(chain_url: str | list[str], **settings: Any) -> dict[str, Any]:
    """The settings of a hasty faucet on the chain at `chain_url`."""
    return {"witness_url": chain_url, "registrar": "faucet", "wif": REGISTRAR_WIF, **HASTY, **settings}
