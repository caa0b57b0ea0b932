"""A faucet on a dev chain, for tests that drive a browser."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jobs.ledger import Ledger
from tests.browser.beside import Beside, beside
from tests.harness.program import DevChainProgram, Faucet, HttpReply, dev_chain, faucet

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """The real programs, and a test's access to them beside the browser."""

    beside: Beside
    chain: DevChainProgram
    service: Faucet
    ledger: Ledger  #: the file that the faucet has open too

    @property
    def url(self) -> str:
        """Where the faucet serves."""
        return self.service.url

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work`; returns its result."""
        return self.beside.do(work)

    def post(self, name: str) -> HttpReply:
        """The reply to a signup of `name`."""
        return self.do(self.service.sign_up(name))

    def sign_up(self, name: str) -> str:
        """Sign up `name`; the id of its job."""
        return str(self.post(name).body["job"]["id"])

    def job(self, job_id: str, *, until: str) -> dict[str, Any]:
        """The job as soon as its state is `until`."""
        return self.do(self.service.job(job_id, until=until))

    def control(self, method: str, *arguments: Any) -> None:
        """Call the dev chain's control API."""
        self.do(self.chain.control(method, *arguments))

    def wait_ready(self, *, ready: bool) -> None:
        """Return when /readyz says that the faucet can register, or that it cannot."""
        self.do(_wait_status(self.service, 200 if ready else 503))

    def let_blocks_pass(self, count: int) -> None:
        """Return when the faucet has followed `count` more blocks, and so has had a chance to drain after each."""
        self.do(_follow(self.ledger, count))


@contextmanager
def open_site(folder: Path, **settings: Any) -> Iterator[Site]:
    """A faucet with `settings`, ready to register, that ends with the block."""
    with beside() as loop, loop.opened(_programs(folder, settings)) as (chain, service, ledger):
        yield Site(loop, chain, service, ledger)


@asynccontextmanager
async def _programs(folder: Path, settings: dict[str, Any]) -> AsyncIterator[tuple[DevChainProgram, Faucet, Ledger]]:
    async with dev_chain() as chain, faucet(folder, chain.url, **settings) as service:
        await _wait_status(service, 200)
        ledger = await Ledger.open(folder / "faucet.db")
        try:
            yield chain, service, ledger
        finally:
            await ledger.close()


async def _wait_status(service: Faucet, status: int) -> None:
    while (await service.fetch("/readyz")).status != status:
        """Asking is the waiting."""


async def _follow(ledger: Ledger, count: int) -> None:
    """Wait until `count` more blocks are followed."""
    start = await ledger.blocks.last()
    while (now := await ledger.blocks.last()) is None or start is None or now[0] < start[0] + count:
        """Asking is the waiting."""
