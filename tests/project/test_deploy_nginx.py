"""The nginx site of deploy/, in a real nginx in front of the real program."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from handlers.pages.scripts import signup_scripts
from jobs.settings import Settings
from tests.harness.nginx import DEPLOY, ask, needs, nginx
from tests.harness.program import REGISTRAR_WIF, Faucet, keys_of

OPTIONS = {"nobroadcast": True}


def signup_of(name: str) -> str:
    return json.dumps({"account": {"name": name, **keys_of(name)}})


@asynccontextmanager
async def served(folder: Path, *, extra: str = "", **settings: Any) -> AsyncIterator[tuple[Faucet, int]]:
    needs("nginx")
    needs("openssl")
    service = Faucet(folder, {"reply_wait_max": 1, **OPTIONS, **settings})
    await service.start()
    try:
        async with nginx(folder, service.url, extra=extra) as port:
            yield service, port
    finally:
        await service.stop()


async def test_signup_through_nginx(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, port):
        forged = {"X-Forwarded-For": "198.51.100.7"}
        first = await ask(
            tmp_path, port, "/api/v1/accounts?wait=1", method="POST", body=signup_of("alice-1"), headers=forged
        )
        assert first.code == 200
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        job = json.loads(first.body)["job"]
        events = await ask(tmp_path, port, "/status")
        assert b"alice-1" in events.body
        assert (await ask(tmp_path, port, job["url"])).code == 200
        assert (await ask(tmp_path, port, "/admin")).code == 404


SPELLINGS = [
    "/api/v1/accounts", "/api/v1/accounts/", "//api/v1/accounts", "/faucet", "/faucet/", "/faucet/api/v1/accounts/",
    "/bob/api/v1/accounts", "//bob//api/v1/accounts/",
]  # fmt: skip


@pytest.mark.parametrize("path", SPELLINGS)
async def test_all_path_spellings_pass_nginx(tmp_path: Path, path: str) -> None:
    """Each spelling reaches the signup, and gets the same reply while the faucet is down."""

    async with served(tmp_path) as (service, port):
        assert (await ask(tmp_path, port, path, method="POST", body=signup_of("alice-1"))).code == 200
        await service.stop()
        assert_says_that_it_is_down(await ask(tmp_path, port, path, method="POST", body=signup_of("alice-1")))
        headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-wallet"}
        before = await ask(tmp_path, port, path, method="OPTIONS", headers=headers)
        assert (before.code, before.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert before.headers["Access-Control-Allow-Headers"] == "x-wallet"


def assert_says_that_it_is_down(reply: HTTPResponse) -> None:
    assert (reply.code, json.loads(reply.body)["error_code"]) == (503, "overloaded")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.headers["X-Request-ID"]


async def test_nginx_does_not_buffer_events(tmp_path: Path) -> None:
    async with served(tmp_path) as (service, port):
        reply = await ask(tmp_path, port, "/faucet", method="POST", body=signup_of("alice-1"))
        came: list[bytes] = []
        first = asyncio.Event()

        def receive(chunk: bytes) -> None:
            came.append(chunk)
            first.set()

        url = json.loads(reply.body)["job"]["url"]
        stream = asyncio.create_task(ask(tmp_path, port, f"{url}/events/", streaming_callback=receive))
        await first.wait()
        assert b'"queued"' in b"".join(came)
        assert not stream.done()
        await service.stop()
        await stream


async def test_nginx_replies_while_the_faucet_is_down(tmp_path: Path) -> None:
    async with served(tmp_path) as (service, port):
        await service.stop()
        page = await ask(tmp_path, port, "/status")
        assert (page.code, page.headers["Content-Type"]) == (503, "text/html; charset=UTF-8")
        assert_says_that_it_is_down(await ask(tmp_path, port, "/nothing", method="POST", body="{}"))
        assert_says_that_it_is_down(await ask(tmp_path, port, "/api/v1/chain"))


async def test_nginx_compresses_public_files_alone(tmp_path: Path) -> None:
    async with served(tmp_path, signup_page=True) as (_, port):
        wanted: dict[str, Any] = {"headers": {"Accept-Encoding": "gzip"}, "decompress_response": False}
        scripts = [script.url for script in (signup_scripts().entry, *signup_scripts().modules)]
        replies = [await ask(tmp_path, port, path, **wanted) for path in scripts]
        assert {reply.headers["Content-Encoding"] for reply in replies} == {"gzip"}
        assert sum(len(reply.body) for reply in replies) < 120_000
        for path in ("/signup", "/api/v1/chain"):
            assert "Content-Encoding" not in (await ask(tmp_path, port, path, **wanted)).headers


async def send(folder: Path, port: int, request: bytes) -> bytes:
    """The whole reply to the bytes of `request`, over TLS."""
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_old_and_odd_requests_through_nginx(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, port):
        body = signup_of("alice-1")
        head = f"Host: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        absolute = f"POST http://localhost/faucet/ HTTP/1.1\r\n{head}{body}"
        assert (await send(tmp_path, port, absolute.encode())).startswith(b"HTTP/1.1 200")
        old = f"POST /faucet HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        assert (await send(tmp_path, port, old.encode())).startswith(b"HTTP/1.1 200")
        two = f"POST /faucet HTTP/1.1\r\nHost: a\r\nHost: b\r\n{head}{body}"
        refused = await send(tmp_path, port, two.encode())
        assert (refused[:12], b'"bad_request"' in refused) == (b"HTTP/1.1 400", True)


async def test_nginx_logs_no_private_key(tmp_path: Path) -> None:
    async with served(tmp_path) as (service, port):
        for path in (f"/faucet?key={REGISTRAR_WIF}", f"/{REGISTRAR_WIF}/api/v1/accounts"):
            reply = await ask(tmp_path, port, path, method="POST", body=signup_of("alice-1"))
            assert json.loads(reply.body)["error_code"] == "private_key_sent"
        await service.stop()
    logs = [file for file in tmp_path.iterdir() if file.suffix == ".log" or file.name == "log"]
    assert len((tmp_path / "faucet.log").read_text().splitlines()) == 2
    assert not [file for file in logs if REGISTRAR_WIF in file.read_text()]


def test_metrics_are_guarded_in_every_spelling() -> None:
    """What nginx sorts to its guarded block is what the faucet answers, and nothing else."""
    guarded = re.search(r"location ~ (\S*metrics\S*) \{", (DEPLOY / "nginx/faucet.conf").read_text())
    assert guarded is not None
    for path in ("/metrics", "/metrics/", "/readyz"):
        assert re.search(guarded[1], path)


async def test_nginx_refuses_a_large_body_as_the_faucet_does(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, port):
        for size in (20_000, 200_000):
            reply = await ask(tmp_path, port, "/faucet", method="POST", body="x" * size)
            assert (reply.code, json.loads(reply.body)["error_code"]) == (413, "too_large")
            assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_nginx_timeout_exceeds_the_longest_wait() -> None:
    text = (DEPLOY / "nginx/faucet.conf").read_text()
    waits = [int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s", text)]
    assert min(waits) > Settings().reply_wait_max


def assert_is_json_of_nginx(reply: HTTPResponse, status: int, code: str) -> None:
    assert (reply.code, json.loads(reply.body)["error_code"]) == (status, code)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["X-Request-ID"]
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_nginx_limits_the_requests_of_one_address(tmp_path: Path) -> None:
    """Bodies that never come keep them going."""
    async with served(tmp_path) as (_, port):
        context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
        held = [await asyncio.open_connection("localhost", port, ssl=context) for _ in range(100)]
        for _, writer in held:
            writer.write(b"POST /faucet HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        while (reply := await ask(tmp_path, port, "/api/v1/chain")).code == 200:
            """The last of them may still be on its way."""
        assert_is_json_of_nginx(reply, 429, "throttled")
        assert int(reply.headers["Retry-After"]) > 0
        for _, writer in held:
            writer.close()
        while (await ask(tmp_path, port, "/api/v1/chain")).code != 200:
            """nginx notices the end of each by and by."""


async def test_nginx_answers_its_own_errors_as_the_faucet_does(tmp_path: Path) -> None:
    async with served(tmp_path, extra="location = /api/broken { return 500; }") as (service, port):
        assert_is_json_of_nginx(await ask(tmp_path, port, "/api/broken"), 500, "internal")
        large = await ask(tmp_path, port, "/faucet", method="POST", body="x" * 200_000)
        assert_is_json_of_nginx(large, 413, "too_large")
        await service.stop()
        assert_is_json_of_nginx(await ask(tmp_path, port, "/api/v1/chain"), 503, "overloaded")
        page = await ask(tmp_path, port, "/status")
        assert (page.code, page.headers["Strict-Transport-Security"]) == (503, "max-age=31536000")
