"""Disturbances on the chain's side. Public methods, but for run and heal, are the actions of a schedule."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from chain.errors import LinkError, Refused
from tests.chaos.schedule import Action
from tests.harness.lying.lie import Lie
from tests.harness.lying.relay import Relay
from tests.harness.program import keys_of, start_dev_chain

LAG = 20  #: blocks that the last irreversible one trails the head by
BASIC_FEE = 500_000  #: satoshi, when nothing is the matter
LIES_LAG = 4  #: … where each block takes a second
OLD = 100_000  #: seconds that a stale head is shown older than it is: more than the faucet bears
HEAD = "2.1.0"  #: the object that has it; no fault is put on reading it so


class Disturbances:
    """A dev chain in a process of its own, and what is done to it.

    With `lies` there is a lying node before it, and its clock does not run ahead of this machine's: what expires by a
    stranger's blocks must have expired by the local clock too.
    """

    def __init__(
        self,
        journal: Path,
        upcoming: Callable[[int], str],
        *,
        lies: bool = False,
        host: str = "127.0.0.1",
        interval: float = 0.1,
    ) -> None:
        """`host` is where the chain listens, `interval` the seconds between its blocks, where nobody lies."""
        interval, lag = (1.0, LIES_LAG) if lies else (interval, LAG)
        options = ("--block-interval", str(interval), "--irreversible-lag", str(lag), "--faults", "--host", host)
        self._options = (*options, "--data", str(journal))
        self._lies = lies
        self._end = contextlib.AsyncExitStack()
        self._upcoming = upcoming  # gives a name that is signed up for soon
        self.enough = False  #: whether to stop after the current action
        self.claimed: set[str] = set()  #: names that somebody else registered, or tried to
        self.done: Counter[str] = Counter()  #: how often each action ran

    async def __aenter__(self) -> Self:
        self._chain = await start_dev_chain(*self._options)
        self._end.push_async_callback(self._chain.stop)
        self._relay = await self._end.enter_async_context(Relay(self.url)) if self._lies else None
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._relay is not None:
            self._relay.failures.clear()  # a lie can't read what a fault of the true node has garbled: it hangs up
        await self._end.aclose()

    @property
    def url(self) -> str:
        """The chain's URL."""
        return self._chain.url

    @property
    def urls(self) -> list[str]:
        """The URLs that the faucet is given: the lying node first, if there is one."""
        return [self.url] if self._relay is None else [self._relay.url, self.url]

    @property
    def lied(self) -> int:
        """How many calls were answered by a lie."""
        return 0 if self._relay is None else self._relay.lied.total()

    async def run(self, actions: Iterator[Action]) -> None:
        """Run the actions in order until `enough` is set."""
        for action in actions:
            if self.enough:
                return
            await asyncio.sleep(action.after)
            await getattr(self, action.name)(*action.arguments)
            self.done[action.name] += 1

    async def heal(self) -> None:
        """Undo all disturbances."""
        if self._relay is not None:
            self._relay.heal()
        await self._control("clear_faults")
        await self._control("stall", False)
        await self._control("set_head_age", 0)
        await self._control("set_basic_fee", BASIC_FEE)

    async def orphan(self, blocks: int, keep: bool, reverse: bool) -> None:
        """Orphan up to `blocks` reversible blocks."""
        (head,) = await self._call("database", "get_objects", [HEAD])
        reversible = head["head_block_number"] - head["last_irreversible_block_num"]
        await self._control("orphan", min(blocks, reversible), keep, reverse)
        # A change of the fee goes with the block that it came after: without this a fork could bring a fee back.
        await self._control("set_basic_fee", BASIC_FEE)

    async def fault(self, fault: dict[str, Any]) -> None:
        """Inject `fault`."""
        await self._control("fault", fault)

    async def disconnect(self) -> None:
        """Drop every connection."""
        with contextlib.suppress(LinkError):  # this one too
            await self._chain.control("disconnect")

    async def kill_node(self, seconds: float, lost: int) -> None:
        """Kill the node; it comes back later, without its pending transactions and perhaps without its last blocks."""
        await self._chain.program.stop(signal.SIGKILL)
        await asyncio.sleep(seconds)
        await self._chain.come_back(*self._options)
        if lost:
            await self.orphan(lost, keep=False, reverse=False)

    async def stall(self, seconds: float) -> None:
        """Produce no blocks for `seconds`."""
        await self._control("stall", True)
        await asyncio.sleep(seconds)
        await self._control("stall", False)

    async def stale(self, seconds: float) -> None:
        """Appear out of sync for `seconds`, and drop all connections."""
        await self._control("set_head_age", OLD)
        await self.disconnect()
        await asyncio.sleep(seconds)
        await self._control("set_head_age", 0)

    async def fee(self, satoshi: int, seconds: float) -> None:
        """Charge another basic fee for `seconds`."""
        await self._control("set_basic_fee", satoshi)
        await asyncio.sleep(seconds)
        await self._control("set_basic_fee", BASIC_FEE)

    async def take(self, offsets: tuple[int, ...]) -> None:
        """Register, as somebody else, names that are about to be posted."""
        for offset in offsets:
            name = self._upcoming(offset)
            self.claimed.add(name)
            with contextlib.suppress(Refused):  # the faucet was faster
                await self._control("register", name, keys_of("stranger")["owner_key"])

    async def lie(self, lie: Lie, seconds: float, disconnect: bool) -> None:
        """Add `lie` for `seconds`; with `disconnect`, connections to the honest node are dropped first."""
        assert self._relay is not None
        self._relay.lie(lie)
        if disconnect:
            await self.disconnect()
        await asyncio.sleep(seconds)
        self._relay.lies = tuple(each for each in self._relay.lies if each is not lie)

    async def _control(self, method: str, *arguments: Any) -> None:
        """Call the control API."""
        await self._call("devchain", method, *arguments)

    async def _call(self, api: str, method: str, *arguments: Any) -> Any:
        """The result of a call, retried where the connection was lost, so that it may run twice."""
        while True:
            await self._chain.link.wait_connected()
            with contextlib.suppress(LinkError):
                return msgspec.json.decode(await self._chain.link.call(api, method, list(arguments)))
