"""The way that a client comes to the faucet: straight, or through the nginx site that is shipped."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chain.node import Account
from tests.harness.nginx import needs, nginx
from tests.harness.program import DevChainProgram, dev_chain, faucet, keys_of, wait_ready


@dataclass
class Answer:
    """What a client reads of a reply."""

    status: int
    headers: Mapping[str, str]  #: names in small letters
    text: bytes

    @property
    def json(self) -> Any:
        """The body, as every client of the field parses it."""
        return json.loads(self.text)


@dataclass
class Door:
    """An address, and the chain that clients read their account from."""

    url: str
    chain: DevChainProgram
    certificate: Path | None = None  #: of the site, where there is one

    async def send(self, head: str, body: bytes = b"", *, shut: bool = False) -> Answer:
        """The answer to a request of these bytes; with `shut` the sending side is closed after it."""
        where = urlsplit(self.url)
        context = None if self.certificate is None else ssl.create_default_context(cafile=str(self.certificate))
        reader, writer = await asyncio.open_connection(where.hostname, where.port, ssl=context)
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
        if shut:
            writer.write_eof()
        try:
            return await _read(reader)
        finally:
            writer.close()

    async def post(self, path: str, account: Mapping[str, Any], **headers: str) -> Answer:
        """The answer to `account`, posted as a wallet's library does; headers with _ for -."""
        body = json.dumps({"account": account}).encode()
        named = {"Content-Type": "application/json", "Accept": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\n" for name, value in named.items())
        return await self.send(f"POST {path} HTTP/1.1\nHost: localhost\n{lines}Content-Length: {len(body)}\n", body)

    async def on_chain(self, name: str) -> Account | None:
        """The account as a wallet's own connection to the chain finds it now."""
        return (await self.chain.node.accounts([name]))[0]


async def _read(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        raise AssertionError("no reply of the API comes in chunks")
    return Answer(int(first.split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0))))


def account_of(name: str, **more: Any) -> dict[str, Any]:
    """The fields that every wallet sends, with keys made for `name`."""
    return {"name": name, **keys_of(name), "refcode": "", "referrer": "", **more}


@asynccontextmanager
async def door(folder: Path, *, through_nginx: bool, **settings: Any) -> AsyncIterator[Door]:
    """A faucet on a dev chain of its own, ready, with all of the chain's names known."""
    async with AsyncExitStack() as opened:
        chain = await opened.enter_async_context(dev_chain())
        service = await opened.enter_async_context(faucet(folder, chain.url, **settings))
        await wait_ready(service)
        while (await service.fetch("/api/v1/accounts/null-account")).body["account"]["available"]:
            """Asking is the waiting: the cache is filled in the background."""
        if not through_nginx:
            yield Door(service.url, chain)
            return
        needs("nginx")
        needs("openssl")
        port = await opened.enter_async_context(nginx(folder, service.url))
        yield Door(f"https://localhost:{port}", chain, folder / "fullchain.pem")
