"""Clients that are slow, many, endless or wild: the others are answered, and nothing grows."""

import asyncio
import contextlib
import json
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.program import Faucet

IDLE = 10_000  #: connections that ask nothing
MEGABYTE = 1024 * 1024
HUGE = 64 * MEGABYTE
ENOUGH = 24 * MEGABYTE  #: bytes by which a server may grow that has no reason to

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(folder: Path, **settings: object) -> AsyncIterator[Faucet]:
    """A faucet that keeps what it accepts to itself."""
    service = Faucet(folder, {"nobroadcast": True, "reply_wait_max": 0.2, **settings})
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


def address(service: Faucet) -> tuple[str, int]:
    host, port = service.url.removeprefix("http://").split(":")
    return host, int(port)


async def connect(service: Faucet) -> Stream:
    return await asyncio.open_connection(*address(service))


async def close(streams: list[Stream]) -> None:
    for _, writer in streams:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in streams), return_exceptions=True)


def memory(service: Faucet) -> int:
    """Bytes of the server that are in memory."""
    lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


async def test_generated_requests_get_documented_replies(tmp_path: Path) -> None:
    """No fault of ours, no reply that the document does not describe, whatever is sent."""

    async with serving(tmp_path) as service:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"), "run", f"{service.url}/api/v1/openapi.json",
            # Which keys and names are good no schema can say.
            "--exclude-checks", "positive_data_acceptance", "--warnings", "off",
            "--max-examples", "40", "--generation-deterministic", "--no-color",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        assert "Traceback" not in (tmp_path / "log").read_text()


async def test_idle_connections_do_not_block_signups(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        async with serving(tmp_path) as service:
            with contextlib.ExitStack() as idle:
                for _ in range(min(IDLE, hard - 500)):
                    idle.enter_context(socket.create_connection(address(service)))
                assert (await service.sign_up("alice-1")).status == 200
            assert (await service.fetch("/healthz")).status == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_slow_client_does_not_delay_others(tmp_path: Path) -> None:
    """Between any two of its bytes another is answered, and it is answered itself in the end."""

    async with serving(tmp_path) as service:
        body = json.dumps({"account": {"name": "slow-1"}})
        request = f"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        slow = [await connect(service) for _ in range(50)]
        for byte in request.encode():
            for _, writer in slow:
                writer.write(bytes([byte]))
            assert (await service.fetch("/healthz")).status == 200
        for reader, _ in slow:
            assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        await close(slow)


@pytest.mark.parametrize("chunked", [True, False])
async def test_huge_body_is_not_buffered(tmp_path: Path, chunked: bool) -> None:
    """It is read and forgotten, so that its client comes to read why it is refused; others are answered meanwhile."""
    piece = b" " * 65536
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {HUGE}"

    async with serving(tmp_path) as service:
        before = memory(service)
        reader, writer = await connect(service)
        writer.write(f"POST /faucet HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        for _ in range(HUGE // len(piece)):
            writer.write(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
            await writer.drain()
        assert (await service.fetch("/healthz")).status == 200
        writer.write(b"0\r\n\r\n" if chunked else b"")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        assert memory(service) - before < ENOUGH
        await close([(reader, writer)])


async def test_endless_headers_are_not_buffered(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        before = memory(service)
        reader, writer = await connect(service)
        writer.write(b"GET /status HTTP/1.1\r\n")
        sent = 0
        try:
            while sent < 16 * MEGABYTE:
                line = b"X-Flood: " + b"x" * 8192 + b"\r\n"
                writer.write(line)
                await writer.drain()
                sent += len(line)
        except ConnectionError:
            pass
        assert sent < 16 * MEGABYTE, "the server listened to all of it"
        assert memory(service) - before < ENOUGH
        assert (await service.fetch("/healthz")).status == 200
        await close([(reader, writer)])


async def test_refused_requests_do_not_leak_memory(tmp_path: Path) -> None:
    """The server is as large after thousands of wild requests as after the first ones."""

    async def wild(service: Faucet, count: int) -> None:
        for number in range(count):
            path = f"/nobody-{number}/api/v1/accounts"
            await asyncio.gather(
                service.fetch(path, method="POST", body=b"\xff" * 1000, headers={"X-Request-ID": f"w{number}"}),
                service.fetch(f"/api/v1/jobs/{number}"),
                service.fetch(f"/api/v1/accounts/{'x' * number}"),
                service.sign_up(f"Wild {number}"),
            )

    async with serving(tmp_path) as service:
        await wild(service, 50)
        before = memory(service)
        await wild(service, 250)
        assert memory(service) - before < ENOUGH
