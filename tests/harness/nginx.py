"""The site of deploy/nginx in a real nginx, in front of a faucet."""

import asyncio
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from tests.harness.documents import free_port
from tests.harness.program import ROOT

DEPLOY = ROOT / "deploy"


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def checked(*command: str | Path, cwd: Path = ROOT) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def certificate(folder: Path) -> tuple[Path, Path]:
    made, key = folder / "fullchain.pem", folder / "privkey.pem"
    checked("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made, "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")  # fmt: skip
    return made, key


def site(folder: Path, upstream: str, port: int) -> str:
    """The site as deployed, but for names, ports and paths."""
    text = (DEPLOY / "nginx/faucet.conf").read_text()
    made, key = certificate(folder)
    for old, new in (
        ("server 127.0.0.1:5000;", f"server {upstream.removeprefix('http://')};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("/etc/letsencrypt/live/faucet.example.org/fullchain.pem", str(made)),
        ("/etc/letsencrypt/live/faucet.example.org/privkey.pem", str(key)),
        ("faucet.example.org", "localhost"),
        ("/var/log/nginx", str(folder)),
    ):
        assert old in text
        text = text.replace(old, new)
    return re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)


@asynccontextmanager
async def nginx(folder: Path, upstream: str, *, extra: str = "") -> AsyncIterator[int]:
    """An nginx with the site, and `extra` in its server, in front of `upstream`, until the block ends; its port."""
    port = free_port()
    text = site(folder, upstream, port)
    (folder / "site.conf").write_text(text.replace("    location / {", f"    {extra}\n    location / {{", 1))
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Its workers would give up root's rights, and could not write into the test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {paths} include {folder}/site.conf; }}\n"
    )
    process = await asyncio.create_subprocess_exec("nginx", "-p", folder, "-c", folder / "nginx.conf")
    try:
        while not await _answers(port):
            pass
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


async def ask(folder: Path, port: int, path: str, **options: Any) -> HTTPResponse:
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    url = f"https://localhost:{port}{path}"
    return await AsyncHTTPClient().fetch(url, raise_error=False, ssl_options=context, **options)
