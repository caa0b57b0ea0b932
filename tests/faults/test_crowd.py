"""More connections than the program may open files: whoever sends requests is served."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from handlers.http.connections import HEAD_TIMEOUT, max_connections
from tests.harness.program import Faucet
from tests.harness.serving import turn
from tests.harness.supervised import metric

MEGABYTE = 1024 * 1024
LIMIT = 256
HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@asynccontextmanager
async def limited(folder: Path, soft: int, hard: int, *options: str) -> AsyncIterator[Faucet]:
    """A faucet that may open so many files."""
    service = Faucet(folder, {"nobroadcast": True})
    await service.start(*options, script=("tests/harness/files_limited.py", f"{soft}:{hard}"))
    try:
        yield service
    finally:
        assert await service.stop() == 0


def connect(service: Faucet, source: str = "127.0.0.1") -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), source_address=(source, 0))


@pytest.mark.parametrize("sent", [HALF, b"", b"POST /faucet HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"])
async def test_half_requests_leave_others_served(tmp_path: Path, sent: bytes) -> None:
    """Twice as many as there may be files; those that wait longest give way."""
    async with limited(tmp_path, LIMIT, LIMIT) as service:
        with contextlib.ExitStack() as crowd:
            for _ in range(2 * LIMIT):
                crowd.enter_context(connect(service)).sendall(sent)
            for number in range(10):
                assert (await service.sign_up(f"alice-{number}")).status == 200
            while (await service.fetch("/readyz")).status != 503:  # nobroadcast, which the first signups outrun
                await turn()
        assert (await service.fetch("/status")).status == 200
        assert await metric(service, 'faucet_connections_closed_total{reason="full"}') >= LIMIT
        log = (tmp_path / "log").read_text()
        assert len(log) < MEGABYTE
        assert "Traceback" not in log
        assert log.count("as many connections as may be open, so waiting ones are closed") == 1


async def test_client_behind_a_proxy_leaves_others_served(tmp_path: Path) -> None:
    """However many half requests the proxy passes on for it: it is counted by its own address."""
    head = "POST /faucet HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {}\r\nContent-Length: 9\r\n\r\n{{"
    async with limited(tmp_path, LIMIT, LIMIT) as service:
        share = max_connections(LIMIT) // 4
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as crowd:
            for _ in range(share):
                crowd.enter_context(connect(service)).sendall(head.format("192.0.2.1").encode())
            late = crowd.enter_context(connect(service))
            late.setblocking(False)
            await loop.sock_sendall(late, head.format("192.0.2.1").encode())
            assert (await loop.sock_recv(late, 12)).startswith(b"HTTP/1.1 429")
            for _ in range(share):
                crowd.enter_context(connect(service)).sendall(head.format("192.0.2.9").encode())
            refused = await service.sign_up("alice-1", headers={"X-Forwarded-For": "192.0.2.1"})
            assert (refused.status, refused.body["error_code"]) == (429, "throttled")
            assert int(refused.headers["Retry-After"]) > 0
            assert (await service.sign_up("bob-1", headers={"X-Forwarded-For": "192.0.2.2"})).status == 200
        while (await service.sign_up("alice-1", headers={"X-Forwarded-For": "192.0.2.1"})).status != 200:
            await turn()


async def test_streams_and_held_replies_leave_others_served(tmp_path: Path) -> None:
    """A part of the connections is not for them."""
    async with limited(tmp_path, LIMIT, LIMIT) as service:
        url = (await service.sign_up("alice-1")).body["job"]["url"]
        with contextlib.ExitStack() as crowd:
            for number in range(2 * LIMIT):
                path = f"{url}/events" if number % 2 else f"{url}?wait=30"
                crowd.enter_context(connect(service)).sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await service.sign_up("bob-1")).status == 200


async def test_files_that_run_out_are_logged_once_and_survived(tmp_path: Path) -> None:
    """Below what the program thinks that it has, as when the whole machine runs out."""
    async with limited(tmp_path, LIMIT, LIMIT) as service:
        resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (64, LIMIT))
        with contextlib.ExitStack() as crowd:
            for _ in range(LIMIT):
                crowd.enter_context(connect(service)).sendall(HALF)
            while "no connections accepted" not in (tmp_path / "log").read_text():
                await turn()
        assert (await service.sign_up("alice-1")).status == 200
        assert await metric(service, "faucet_accept_pauses_total") >= 1
        lines = [line for line in (tmp_path / "log").read_text().splitlines() if "no connections accepted" in line]
        assert [("Too many open files" in line, "LimitNOFILE" in line) for line in lines] == [(True, True)]


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
async def test_soft_limit_of_files_is_raised(tmp_path: Path, options: tuple[str, ...]) -> None:
    async with limited(tmp_path, 64, LIMIT, *options) as service:
        children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        for process in children or [str(service.pid)]:
            assert resource.prlimit(int(process), resource.RLIMIT_NOFILE) == (LIMIT, LIMIT)


async def test_head_has_ten_seconds(tmp_path: Path) -> None:
    """However many bytes come meanwhile; a connection that has begun none may wait longer."""
    async with limited(tmp_path, LIMIT, LIMIT) as service:
        with connect(service) as silent, connect(service) as slow:
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            began = loop.time()
            slow.sendall(HALF)
            assert await loop.sock_recv(slow, 1) == b""
            assert HEAD_TIMEOUT - 1 < loop.time() - began < 2 * HEAD_TIMEOUT
            silent.sendall(HALF + b"\r\n")
            silent.setblocking(False)
            assert (await loop.sock_recv(silent, 12)).startswith(b"HTTP/1.1 200")
