"""The balancer of deploy/machines: nginx with the site of deploy/nginx, and HAProxy behind it, in front of faucets."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.harness.documents import free_port
from tests.harness.nginx import DEPLOY, ask, needs, nginx
from tests.harness.program import HttpReply

CONFIG = DEPLOY / "machines/haproxy.cfg"


def needs_balancer() -> None:
    """Skip the test where a program is missing."""
    for program in ("nginx", "haproxy", "openssl"):
        needs(program)


def haproxy_config(urls: Sequence[str], port: int) -> str:
    """The deployed file, but for the addresses."""
    text = CONFIG.read_text()
    servers = "".join(f"    server faucet-{n} {urlsplit(url).netloc}\n" for n, url in enumerate(urls, 1))
    assert text.count("bind 127.0.0.1:5000\n") == 1
    if os.geteuid() != 0:  # then it has no rights to give up
        text = re.sub(r"    (user|group) haproxy\n", "", text)
    text = re.sub(r"(    server faucet-\d .*\n)+", servers, text)
    return text.replace("bind 127.0.0.1:5000\n", f"bind 127.0.0.1:{port}\n")


class Balancer:
    """Whoever it chooses answers."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port  #: nginx's, over TLS

    async def fetch(self, path: str, **options: Any) -> HttpReply:
        """The reply at `path`, JSON decoded where it is JSON."""
        reply = await ask(self._folder, self.port, path, request_timeout=90, **options)
        is_json = reply.headers.get("Content-Type", "").startswith("application/json")
        body = msgspec.json.decode(reply.body) if is_json and reply.body else reply.body
        return HttpReply(reply.code, reply.headers, body)


@asynccontextmanager
async def balancer(folder: Path, urls: Sequence[str]) -> AsyncIterator[Balancer]:
    """Both programs in front of the faucets at `urls`, until the block ends."""
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(haproxy_config(urls, port))
    with (folder / "haproxy.log").open("ab") as log:
        command = ("setpriv", "--pdeathsig", "KILL", "haproxy", "-db", "-f", config)
        haproxy = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        async with nginx(folder, f"http://127.0.0.1:{port}") as own:
            made = Balancer(folder, own)
            while (await made.fetch("/healthz")).status != 200:
                assert haproxy.returncode is None, (folder / "haproxy.log").read_text()
            yield made
    finally:
        if haproxy.returncode is None:
            haproxy.kill()
        await haproxy.wait()
