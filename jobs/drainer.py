"""The task that takes jobs to the chain, one drain at a time."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from chain.errors import LinkError, Refused
from chain.link import Link
from chain.node import Account, Head, Node
from chain.transactions import Reference
from jobs.config import Settings
from jobs.errors import FaucetError
from jobs.funding import Funding
from jobs.ledger import Ledger
from jobs.metrics import Metrics
from jobs.model import Job, Pause, Unfunded
from jobs.registering import Registering
from jobs.sender import Sender
from jobs.situation import Identity, Situation
from jobs.terms import named_accounts

log = logging.getLogger("faucet.drainer")

BATCH = 2000  #: jobs in one drain at the most, so that what it looks up and signs stays of a bearable size

#: Stands for the block before the first one, which no fork can touch.
GENESIS = Reference(0, "00" * 20)


class Drainer:
    """Signs and sends when woken; drains never overlap."""

    def __init__(
        self,
        *,
        link: Link,
        node: Node,
        ledger: Ledger,
        settings: Settings,
        metrics: Metrics,
        identity: Callable[[], Identity | None],
    ) -> None:
        self._link = link
        self._node = node
        self._ledger = ledger
        self._settings = settings
        self._identity = identity  # None until a node was met
        self._sender = Sender(link=link, node=node, ledger=ledger, metrics=metrics)
        self._registering = Registering(node=node, ledger=ledger, sender=self._sender, metrics=metrics)
        self._funding = Funding(node=node, sender=self._sender)
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Ask for a drain: now, or after the one in hand."""
        self._woken.set()

    def stop(self) -> None:
        """Let `run` return after the drain in hand."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Drain whenever woken, until stopped."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._stopping:
                return
            try:
                await self.drain()
            except (LinkError, Refused, FaucetError) as error:
                # Node or ledger are away for now. All that counts is on disk: the next drain goes on.
                log.warning("drain put off: %s", error)
            except Exception:  # a fault of ours must not end the faucet's work for good
                log.exception("drain failed")
                with contextlib.suppress(FaucetError):
                    await self._ledger.hold_drain("The faucet failed: its log says how.")

    async def drain(self) -> None:
        """Send again what is still on its way, then sign and send what waits.

        Raises LinkError, Refused or FaucetError where node or ledger are away; nothing is lost then.
        """
        identity = self._identity()
        if identity is None or not self._link.connected:
            return
        head = await self._node.head()
        await self._sender.resend(head)
        pause = (await self._ledger.pauses()).get("drain")
        if pause is not None and pause.by != "faucet":
            return
        unfunded, queued = await self._ledger.unfunded(BATCH), await self._ledger.queued(BATCH)
        if not (unfunded.jobs or queued or pause):
            return
        reference = await self._reference(head)
        if reference is None:
            return
        accounts = await self._accounts(queued)
        obstacle = self._missing_account(accounts)
        if obstacle is None:
            situation = await self._look(identity, head, accounts, reference)
            obstacle = situation.obstacle() or await self._send(unfunded, queued, situation)
        await self._note(obstacle, pause)
        if len(queued) == BATCH and await self._ledger.queued(1) != queued[:1]:
            # More wait, and something moved: whoever waits for the next block then waits for nothing.
            self.wake()

    async def _accounts(self, queued: list[Job]) -> dict[str, Account]:
        """Every account that the drain must know, by name, as far as the chain has it: one look for all."""
        names = named_accounts(self._settings)
        names.update(job.signup.name for job in queued)
        names.update(job.signup.referrer for job in queued if job.signup.referrer is not None)
        wanted = sorted(names)
        found = await self._node.accounts(wanted)
        return {name: account for name, account in zip(wanted, found, strict=True) if account is not None}

    def _missing_account(self, accounts: dict[str, Account]) -> str | None:
        missing = sorted(named_accounts(self._settings) - accounts.keys())
        return f"The chain has no account {', '.join(missing)}, which the configuration names." if missing else None

    async def _look(
        self, identity: Identity, head: Head, accounts: dict[str, Account], reference: Reference
    ) -> Situation:
        registrar = accounts[self._settings.registrar]
        parameters, balance = await asyncio.gather(self._node.parameters(), self._node.balance(registrar.id))
        return Situation(identity, self._settings, head, parameters, accounts, balance, reference)

    async def _send(self, unfunded: Unfunded, queued: list[Job], situation: Situation) -> str | None:
        """Pay and register; the obstacle that the node named on the way, if any."""
        spent = await self._funding.fund(unfunded, situation)
        return await self._registering.register(queued, replace(situation, balance=situation.balance - spent))

    async def _reference(self, head: Head) -> Reference | None:
        """An irreversible block that was followed, for registrations to refer to; None before there is one."""
        if head.irreversible == 0:
            return GENESIS
        oldest = await self._ledger.oldest_block()
        return None if oldest is None or oldest[0] > head.irreversible else Reference(*oldest)

    async def _note(self, obstacle: str | None, pause: Pause | None) -> None:
        """Pause with the reason, or end the faucet's own pause when nothing is in the way any more."""
        if obstacle is not None and (pause is None or pause.reason != obstacle):
            log.error("drain paused: %s", obstacle)
            await self._ledger.hold_drain(obstacle)
        if obstacle is None and pause is not None:
            log.info("drain resumed")
            await self._ledger.release_drain()
