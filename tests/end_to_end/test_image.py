"""The container image, built by the Dockerfile and run as the compose file describes it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.containers import Container, Podman, build_image, container, needs_containers, own_podman
from tests.harness.program import Faucet

pytestmark = pytest.mark.timeout(900)  # seconds: the image is built first


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    needs_containers()
    with own_podman() as podman:
        yield podman


@pytest.fixture(scope="module")
def image(podman: Podman) -> str:
    return build_image(podman)


def client(folder: Path, url: str) -> Faucet:
    service = Faucet(folder, {})
    service.url = url
    return service


def status(container: Container, member: str) -> list[str]:
    """A line of the program's /proc/PID/status."""
    lines = container.execute("cat", "/proc/1/status").splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{member}:"))


@pytest.mark.parametrize("workers", [1, 2])
async def test_container_is_healthy_registers_and_ends_in_time(
    podman: Podman, image: str, tmp_path: Path, workers: int
) -> None:
    with container(podman, image, tmp_path, workers=workers) as faucet:
        service = client(tmp_path, faucet.start())
        assert faucet.state("Health.Status") == "healthy"

        reply = await service.sign_up("alice-1", "/api/v1/accounts?wait=30")
        assert (reply.status, reply.body["job"]["state"]) == (200, "registered")
        assert faucet.execute("python", "faucet.py", "signup", "bob-1", "--password", "secret").startswith("1.2.")

        assert faucet.stop() == "0"
        await client(tmp_path, faucet.start()).job(reply.body["job"]["id"], until="done")


async def test_container_can_change_nothing_but_its_ledger(podman: Podman, image: str, tmp_path: Path) -> None:
    with container(podman, image, tmp_path) as faucet:
        faucet.start()
        assert status(faucet, "Uid") == ["10001"] * 4
        assert status(faucet, "CapBnd") == ["0" * 16]
        assert status(faucet, "NoNewPrivs") == ["1"]
        assert "Read-only file system" in podman.fails("exec", "--user=root", faucet.name, "touch", "/opt/faucet/new")
        writable = faucet.execute("find", "/opt", "/venv", "-writable", "-not", "-type", "l")
        assert writable == ""
        assert faucet.execute("ls", "/opt/faucet").split() == [
            "chain", "commands", "config.yaml", "devchain", "faucet.db.sql", "faucet.postgresql.sql", "faucet.py",
            "handlers", "jobs", "static", "templates",
        ]  # fmt: skip


async def test_health_check_notices_a_program_that_hangs(podman: Podman, image: str, tmp_path: Path) -> None:
    with container(podman, image, tmp_path) as faucet:
        faucet.start()
        pid = int(faucet.state("Pid"))
        os.kill(pid, signal.SIGSTOP)
        try:
            podman.fails("healthcheck", "run", faucet.name)
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_container_can_hold_its_ledger_in_postgresql(podman: Podman, image: str, tmp_path: Path) -> None:
    """It has the driver and the schema; there is no server that it could reach."""
    with container(podman, image, tmp_path) as faucet:
        faucet.start()
        code = "from jobs.ledger.postgresql.database import SCHEMA; print(SCHEMA.read_text()[:2])"
        assert faucet.execute("python", "-c", code) == "--"
