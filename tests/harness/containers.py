"""The image of deploy/docker, built and run by a podman of its own, which shares no image or container with others.

No registry is asked: the base is made of the machine's Debian packages, with Python where the public base has it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from tests.harness.nginx import DEPLOY, needs
from tests.harness.program import ROOT

DOCKERFILE = DEPLOY / "docker/Dockerfile"
COMPOSE = DEPLOY / "docker/compose.yaml"
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
STORE_SIZE = 2 << 30  #: bytes, generously

#: By default podman runs crun, which refuses cgroups of two versions at once, and sets limits above this machine's.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/libpod"
[network]
network_config_dir = "{folder}/networks"
"""
STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""
#: What was downloaded before is all there is.
PIP_CONF = """
[global]
no-index = true
find-links = /wheels
"""


def needs_containers() -> None:
    """Skip the test where no image can be built."""
    for program in ("mmdebstrap", "podman", "podman-compose", "runc"):
        needs(program)
    if os.geteuid() != 0:
        pytest.skip("building an image without root is not supported")
    if subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("building an image where no namespace may be made is not supported")


@contextmanager
def own_podman() -> Iterator["Podman"]:
    """A podman that ends with the block, in memory if there is room: what installs packages syncs each file to disk."""
    memory = Path("/dev/shm")  # noqa: S108
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > STORE_SIZE
    with TemporaryDirectory(prefix="faucet-image-", dir=memory if roomy else None) as folder:
        podman = Podman(Path(folder))
        try:
            yield podman
        finally:
            podman("rm", "--all", "--force", "--volumes")


class Podman:
    """Podman with a store and settings in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)  # apt downloads as a user of its own
        for name, text in (("containers.conf", CONTAINERS_CONF), ("storage.conf", STORAGE_CONF)):
            (folder / name).write_text(text.format(folder=folder))
        self.environment = {
            **os.environ,
            "TMPDIR": str(folder),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }

    def __call__(self, *arguments: str | Path) -> str:
        """The output of a command that must succeed."""
        return run("podman", *arguments, environment=self.environment)

    def fails(self, *arguments: str | Path) -> str:
        """The output and errors of a command that must fail."""
        done = subprocess.run(["podman", *arguments], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def build_image(podman: Podman) -> str:
    """Build the image as the Dockerfile says; its id."""
    pip_conf = podman.folder / "pip.conf"
    pip_conf.write_text(PIP_CONF)
    return podman(
        "build", "--quiet", "--layers=false", "--network=none", "--format=docker",
        f"--build-arg=BASE={make_base(podman)}",
        f"--volume={download_packages(podman.folder)}:/wheels:ro", f"--volume={pip_conf}:/etc/pip.conf:ro",
        f"--ignorefile={DOCKERFILE}.dockerignore", f"--file={DOCKERFILE}", ROOT,
    ).splitlines()[-1]  # fmt: skip


def make_base(podman: Podman) -> str:
    """The id of a base of Debian's packages, as new as this machine's sources have them."""
    archive = podman.folder / "base.tar"
    suite = re.findall(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)[0]
    link_python = 'ln -s /usr/bin/python3 "$1/usr/local/bin/python"'
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}", f"--customize-hook={link_python}",
        suite, archive, *package_sources(), environment=podman.environment)  # fmt: skip
    return podman("import", "--quiet", archive)


def package_sources() -> Iterator[Path]:
    """The files that name this machine's sources of Debian's or Ubuntu's packages."""
    for name in ("sources.list", "sources.list.d/debian.sources", "sources.list.d/ubuntu.sources"):
        file = Path("/etc/apt", name)
        if file.exists() and re.search(r"^(deb |URIs:)", file.read_text(), re.MULTILINE):
            yield file


def download_packages(folder: Path) -> Path:
    """A folder with the locked Python packages, and what builds those without a wheel, for Debian's Python.

    They come from where this machine's pip looks, which thus need not be known in the container.
    """
    pip = (sys.executable, "-m", "pip", "--quiet", "--python=/usr/bin/python3", "download", "--no-deps")
    run(*pip, f"--dest={folder / 'wheels'}", "--require-hashes", "--requirement=deploy/docker/requirements.lock")
    run(*pip, f"--dest={folder / 'wheels'}", "setuptools")
    return folder / "wheels"


@dataclass(frozen=True)
class Container:
    """The faucet's service of the compose file, with what differs here: its image, port and limits."""

    podman: Podman
    file: Path
    name: str

    def compose(self, *arguments: str) -> None:
        """Run a command of podman-compose."""
        run("podman-compose", "--project-name", self.name, "--file", self.file, *arguments,
            environment=self.podman.environment)  # fmt: skip

    def start(self) -> str:
        """Start it; its address, as soon as it is healthy."""
        self.compose("up", "--detach")
        self._wait_healthy()
        return f"http://{self.podman('port', self.name, '5000')}"

    def _wait_healthy(self) -> None:
        """Asking is the waiting: the engine itself would ask at an interval, for which podman needs systemd."""
        command = ["podman", "healthcheck", "run", self.name]
        while subprocess.run(command, env=self.podman.environment, capture_output=True, check=False).returncode:
            assert self.state("Running") == "true", self.podman("logs", self.name)

    def stop(self) -> str:
        """Stop it as the engine does; its exit code, 137 if it was killed in the end."""
        grace = yaml.safe_load(self.file.read_text())["services"]["faucet"]["stop_grace_period"]
        self.podman("stop", f"--time={grace.removesuffix('s')}", self.name)
        return self.state("ExitCode")

    def execute(self, *command: str) -> str:
        """The output of a command in the container."""
        return self.podman("exec", self.name, *command)

    def state(self, member: str) -> str:
        """A part of its state."""
        return self.podman("inspect", "--format", f"{{{{.State.{member}}}}}", self.name)


@contextmanager
def container(podman: Podman, image: str, folder: Path, **settings: Any) -> Iterator[Container]:
    """A container that can be started, as the compose file describes it, with `settings` besides config.yaml's."""
    file = compose_file(folder, image, settings)
    made = Container(podman, file, file.stem)
    try:
        yield made
    finally:
        made.compose("down", "--volumes")


def compose_file(folder: Path, image: str, settings: dict[str, Any]) -> Path:
    """A copy of the compose file without other services and the fixed port, for `image`."""
    config = folder / "mounted.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load((COMPOSE.parent / "config.yaml").read_text()) | settings))
    service = yaml.safe_load(COMPOSE.read_text())["services"]["faucet"]
    service.pop("build")
    service["volumes"] = [volume.replace("./config.yaml", str(config)) for volume in service["volumes"]]
    service["ulimits"] |= {"nofile": 4096, "nproc": 4096}
    service |= {"image": image, "ports": ["127.0.0.1::5000"], "network_mode": "bridge"}
    file = folder / f"faucet-{image[:12]}.yaml"
    service["container_name"] = file.stem
    file.write_text(yaml.safe_dump({"services": {"faucet": service}, "volumes": {"ledger": None}}))
    return file
