"""What one stranger says is read from a second node too, where it would end the faucet's care for something."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from chain.cancellation import end_tasks
from chain.connection import Peer
from chain.errors import BadReply, LinkError, NodesDisagree, NotSent
from chain.link import Call, Link, without_credentials
from chain.node import Account, Block, Head, Node, Parameters

CHUNK = 50  #: blocks read side by side

Validate = Callable[[Call, Peer], Awaitable[None]]


class SecondNode:
    """A connection to another configured node than the one in use, opened when it is first needed."""

    def __init__(
        self,
        link: Link,
        urls: Sequence[str],
        *,
        is_own: Callable[[Peer | None], bool],
        validate: Validate,
        timeout: float,
    ) -> None:
        self._first = link
        self._urls = {without_credentials(url): url for url in urls}
        self._is_own = is_own
        self._validate = validate
        self._timeout = timeout
        self._link: Link | None = None
        self._beside: str | None = None  # the node that this connection is not to
        self._task: asyncio.Task[None] | None = None

    @property
    def stranger(self) -> bool:
        """Whether the node in use is a stranger."""
        return not self._is_own(self._first.peer)

    @property
    def stranger_url(self) -> str | None:
        """The node in use, if it is a stranger. Raises NotSent where none is in use."""
        if self._first.peer is None:
            raise NotSent(f"not connected: {self._first.last_error}")
        return self._first.peer.url if self.stranger else None

    @property
    def configured(self) -> bool:
        """Whether there is another node than the one in use."""
        return len(self._urls) > 1

    @property
    def needed(self) -> bool:
        """Whether what the node in use says is to be confirmed, and can be."""
        return self.stranger and self.configured

    @property
    def name(self) -> str:
        """The second node's URL, for people."""
        return (self._link.url if self._link is not None else None) or "the second node"

    async def node(self) -> Node:
        """The second node. Raises LinkError where none can be reached."""
        await self._open()
        link = self._link
        assert link is not None  # noqa: S101  # _open made it; for the types
        try:
            async with asyncio.timeout(self._timeout):
                await link.wait_connected()
        except TimeoutError:
            raise LinkError(f"no second node is reached to confirm what this one says: {link.last_error}") from None
        return Node(link.call)

    async def close(self) -> None:
        """End the connection. A second call does nothing."""
        task, self._task, self._link, self._beside = self._task, None, None, None
        if task is not None:
            await end_tasks([task])

    async def _open(self) -> None:
        """Be connected to another node than the one in use now."""
        first = self._first.peer
        if first is None:
            raise NotSent(f"not connected: {self._first.last_error}")
        if self._beside == first.url and self._task is not None and not self._task.done():
            return
        await self.close()
        others = [url for public_url, url in self._urls.items() if public_url != first.url]
        self._link = Link(others, validate_node=self._validate, on_block=lambda: None, timeout=self._timeout)
        self._task = asyncio.create_task(self._link.run(), name="second node")
        self._beside = first.url


class ConfirmedChain:
    """The chain as it counts: as the node in use shows it, and where that is a stranger, a second node too."""

    def __init__(self, node: Node, second: SecondNode) -> None:
        self._node = node
        self._second = second

    @property
    def stranger(self) -> bool:
        """Whether the node in use is a stranger."""
        return self._second.stranger

    @property
    def seen_by(self) -> str | None:
        """The stranger in use, by URL; None of an own node. Raises NotSent where none is in use."""
        return self._second.stranger_url

    @property
    def configured(self) -> bool:
        """Whether there is another node than the one in use."""
        return self._second.configured

    @property
    def trusted(self) -> bool:
        """Whether what is read here is known by an own node or by two."""
        return not self._second.stranger or self._second.configured

    async def irreversible(self, head: Head) -> int:
        """Number of the last block that stays. Raises LinkError or Refused."""
        if not self._second.needed:
            return head.irreversible
        second = await self._second.node()
        return min(head.irreversible, (await second.head()).irreversible)

    async def check_past(self, number: int, before: str | None) -> None:
        """Return if block `number` counts, and follows the block `before`, an id; None is any.

        Raises NodesDisagree, LinkError or Refused. An own node is believed.
        """
        if not self.stranger or not number:
            return
        block = await self.block(number)
        if block is None or before not in (None, block.previous):
            raise NodesDisagree(f"block {number} follows another one than it did before")

    async def block(self, number: int) -> Block | None:
        """The block `number`; None beyond the head. Raises NodesDisagree, LinkError or Refused."""
        block = await self._node.block(number)
        if block is not None and self._second.needed:
            await self.confirm([block])
        return block

    async def blocks(self, first: int, last: int) -> AsyncIterator[list[Block]]:
        """The blocks from `first` to `last`, a chunk at a time. Raises the same, BadReply without one."""
        while first <= last:
            blocks = await self._node.blocks(range(first, min(last, first + CHUNK - 1) + 1))
            if not blocks:
                raise BadReply(f"the node lacks block {first}, which it calls irreversible")
            await self.confirm(blocks)
            yield blocks
            first += len(blocks)

    async def confirm(self, blocks: Sequence[Block]) -> None:
        """Return if `blocks`, read from the node in use, count. Raises NodesDisagree, LinkError or Refused."""
        if not self._second.needed:
            return
        second = await self._second.node()
        for block in blocks:
            if block != await second.block(block.number):
                raise NodesDisagree(f"{self._second.name} has another block {block.number} than the node in use")

    async def check_ids(self, made: Mapping[str, str]) -> None:
        """Return if a block that made the accounts `made`, id by name, may count.

        Raises NodesDisagree where a lone stranger's list of accounts says something else than its block, LinkError or
        Refused. Where another node is configured, the block itself was compared.
        """
        if self.trusted or not made:
            return
        for (name, account_id), account in zip(made.items(), await self._node.accounts(list(made)), strict=True):
            if account is None or account.id != account_id:
                raise NodesDisagree(f"the node contradicts itself about the id of the account {name}")

    async def accounts(self, names: Sequence[str]) -> list[Account | None]:
        """The accounts of `names`, None for those that the chain does not have. Raises the same."""
        accounts = await self._node.accounts(names)
        if self._second.needed:
            second = await (await self._second.node()).accounts(names)
            for name, here, there in zip(names, accounts, second, strict=True):
                if here != there:
                    raise NodesDisagree(f"{self._second.name} shows the account {name} otherwise than the node in use")
        return accounts

    async def account_ids(self, names: Sequence[str]) -> dict[str, str]:
        """The account ids of those `names` that the chain has. Raises the same."""
        ids = await self._node.account_ids(names)
        if self._second.needed and ids != await (await self._second.node()).account_ids(names):
            raise NodesDisagree(f"{self._second.name} shows other account ids than the node in use")
        return ids

    async def accounts_elsewhere(self, names: Sequence[str]) -> list[Account | None] | None:
        """The accounts of `names` as a second node shows them; None where none is needed. Raises the same."""
        if not self._second.needed:
            return None
        return await (await self._second.node()).accounts(names)

    async def parameters(self) -> Parameters:
        """The chain's parameters as a second node shows them. Raises LinkError or Refused."""
        return await (await self._second.node()).parameters()

    async def balance(self, account_id: str, claimed: int) -> int:
        """The balance that counts for a budget, satoshi: what the node in use `claimed`, or less. Raises the same."""
        if not self._second.needed:
            return claimed
        return min(claimed, await (await self._second.node()).balance(account_id))

    async def close(self) -> None:
        """End the connection to the second node."""
        await self._second.close()
