"""A private network of this machine alone, in which each faucet is on a machine of its own, with links that are cut.

Each is a network namespace. None has a name, so all of them end with the test, whatever becomes of it; the addresses
are of networks for documentation (RFC 5737), and no packet leaves.
"""

import contextlib
import ctypes
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

_NEW_NETWORK = 0x4000_0000  # CLONE_NEWNET (sched.h)
_HERE = "/proc/thread-self/ns/net"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
#: What must be allowed.
NEEDED = f"mount --bind /dev/null {BOOT_ID} && ip link add one type veth peer name other"
_kernel = ctypes.CDLL(None, use_errno=True)


class Link(StrEnum):
    """What a machine is connected to, each by a cable of its own."""

    DATABASE = "database"
    CHAIN = "chain"
    CLIENTS = "clients"


#: The addresses of each link, of which each machine has eight: two of the far end, one of its own.
NETWORKS = {Link.DATABASE: "198.51.100", Link.CHAIN: "203.0.113", Link.CLIENTS: "192.0.2"}
PLACES = 0, 1  #: at the far end


class Host:
    """A machine in the network: another namespace, and for its programs another boot than this machine's."""

    def __init__(self, number: int, boot_id: Path) -> None:
        self._number = number
        self._boot_id = boot_id
        self._namespace = _elsewhere()
        boot_id.write_text(f"{uuid.uuid4()}\n")
        self._inside("ip", "link", "set", "lo", "up")
        for link in Link:
            self._connect(link)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What makes a command run there, under the same process id; it ends with the test."""
        # A process that another one knows to be gone is not waited for: on another machine nobody can know.
        rebooted = f'mount --bind "$0" {BOOT_ID} && exec "$@"'
        return (
            *self._enter, "unshare", "--mount", "sh", "-c", rebooted, str(self._boot_id),
            "setpriv", "--pdeathsig", "KILL",
        )  # fmt: skip

    def far_end(self, link: Link, place: int = 0) -> str:
        """The address of what is at the other end of a link, where there may be two."""
        return f"{NETWORKS[link]}.{8 * self._number + 1 + place}"

    def address(self, link: Link) -> str:
        """Its own address there."""
        return f"{NETWORKS[link]}.{8 * self._number + 3}"

    def cut(self, link: Link) -> None:
        """From now on nothing passes, and neither end is told."""
        _run("ip", "link", "set", self._cable(link), "down")

    def mend(self, link: Link) -> None:
        """From now on all passes again."""
        _run("ip", "link", "set", self._cable(link), "up")

    def close(self) -> None:
        """Let go of the namespace: it ends with its last process."""
        os.close(self._namespace)

    @property
    def _path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self._namespace}"

    @property
    def _enter(self) -> tuple[str, ...]:
        return "nsenter", f"--net={self._path}"

    def _cable(self, link: Link) -> str:
        return f"{link}-{self._number}"

    def _connect(self, link: Link) -> None:
        cable = self._cable(link)
        _run("ip", "link", "add", cable, "type", "veth", "peer", "name", link, "netns", self._path)
        for place in PLACES:
            _run("ip", "address", "add", f"{self.far_end(link, place)}/29", "dev", cable)
        self._inside("ip", "address", "add", f"{self.address(link)}/29", "dev", link)
        self._inside("ip", "link", "set", link, "up")
        self.mend(link)

    def _inside(self, *command: str) -> None:
        _run(*self._enter, *command)


class Network:
    """A switch, where this thread and the programs that it starts are, and the hosts around it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.hosts: list[Host] = []

    def host(self) -> Host:
        """One more."""
        number = len(self.hosts)
        self.hosts.append(Host(number, self._folder / f"boot-{number}"))
        return self.hosts[-1]


@contextlib.contextmanager
def private_network(folder: Path) -> Iterator[Network]:
    """A network that this thread is in during the block; skips the test where the kernel does not allow one."""
    outside = os.open(_HERE, os.O_RDONLY)
    network = Network(folder)
    try:
        _enter_new()
        try:
            yield network
        finally:
            _checked(_kernel.setns(outside, _NEW_NETWORK))
    finally:
        os.close(outside)
        for host in network.hosts:
            host.close()


def _enter_new() -> None:
    try:
        _run("unshare", "--net", "--mount", "sh", "-c", NEEDED)
        _leave()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a network of namespaces is not supported")
    _run("ip", "link", "set", "lo", "up")


def _elsewhere() -> int:
    """A new namespace, as a descriptor that keeps it."""
    made: list[int] = []

    def make() -> None:
        _leave()
        made.append(os.open(_HERE, os.O_RDONLY))

    thread = threading.Thread(target=make)  # a namespace is a thread's, and this one stays where it is
    thread.start()
    thread.join()
    return made[0]


def _leave() -> None:
    _checked(_kernel.unshare(_NEW_NETWORK))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
