"""The task that takes jobs to the chain, one drain at a time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable

from chain.errors import LinkError, NotSent, Refused, UnfitNode
from chain.link import Link
from chain.names import is_account_id
from chain.node import Account, Head, Node
from chain.transactions import RefBlock
from jobs.budget import fees_of
from jobs.chain_status import ChainStatusPublisher
from jobs.conditions.sentences import missing_accounts
from jobs.drain.allowance import Allowances
from jobs.drain.context import DrainContext
from jobs.drain.funding import FundingStage
from jobs.drain.registration import Batch, RegistrationStage
from jobs.drain.sender import Sender
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.model.chain import ReferrerAnswer
from jobs.model.job import Job, Unfunded
from jobs.model.operators import Pause
from jobs.monitoring.metrics import Metrics
from jobs.nodes.confirmation import ConfirmedChain
from jobs.nodes.fitness import Fitness
from jobs.observe import identify, missing_from, read_members, with_allowance, with_fees
from jobs.settings import Settings
from jobs.template import named_accounts

log = logging.getLogger("faucet.drainer")

BATCH = 1000  #: most jobs that are read at once, with their accounts
PAY_SECONDS = 1.0  #: after which a drain reads no more payments, since registrations wait
DRAIN_SECONDS = 2.0  #: … no more signups: the next one pays, resends, and asks the node anew

#: Stands for the block before the first one, which no fork can touch.
GENESIS = RefBlock(0, "00" * 20)


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
        fitness: Fitness,
        confirmed: ConfirmedChain,
        allowances: Allowances,
        standstill: Callable[[], str | None],
        chain_status: ChainStatusPublisher,
    ) -> None:
        self._link = link
        self._node = node
        self._queue = ledger.drain
        self._blocks = ledger.blocks
        self._names = ledger.names
        self._pauses = ledger.pauses
        self._referrers = ledger.referrers
        self._settings = settings
        self._fitness = fitness
        self._confirmed = confirmed
        self._allowances = allowances
        self._standstill = standstill  # why nothing can be done before blocks were followed, for people
        self._publisher = chain_status
        self._sender = Sender(link=link, node=node, queue=ledger.drain, metrics=metrics)
        self._registering = RegistrationStage(
            node=node, queue=ledger.drain, sender=self._sender, metrics=metrics, confirmed=confirmed
        )
        self._funding = FundingStage(node=node, blocks=ledger.blocks, sender=self._sender, confirmed=confirmed)
        self._woken = asyncio.Event()
        self._stopping = False
        self._idle = False  # the last drain found nothing

    def wake(self) -> None:
        """Ask for a drain: now, or after the one in hand."""
        self._woken.set()

    def stop(self) -> None:
        """Let `run` return after the drain in hand."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Drain whenever woken, until stopped."""
        while not self._stopping:
            await self._woken.wait()
            self._woken.clear()
            if not self._stopping:
                await self._drain_and_report()

    async def _drain_and_report(self) -> None:
        try:
            waiting = await self.drain()
        except UnfitNode as error:
            self._link.leave(str(error))
            waiting = f"The node was left: it {error}"
        except (LinkError, Refused, FaucetError) as error:
            # Node or ledger are away for now. All that counts is on disk: the next drain goes on.
            log.warning("drain put off", extra={"fields": {"reason": error}})
            waiting = f"The drain was put off: {error}"
        except Exception:  # a fault of ours must not end the faucet's work for good
            log.exception("drain failed")
            waiting = None
            with contextlib.suppress(FaucetError):
                await self._pauses.auto_pause("The faucet failed: its log says how.")
        with contextlib.suppress(FaucetError):
            await self._publisher.change(waiting=waiting)

    async def drain(self) -> str | None:
        """Send again what is still on its way, then sign and send what waits; why nothing was done, for people.

        Raises LinkError, Refused or FaucetError where node or ledger are away; nothing is lost then.
        """
        standstill = self._standstill()
        if standstill is not None:
            return standstill
        if self._idle and await self._queue.is_idle():
            return None
        head = await self._node.head()
        await self._sender.resend(head)
        pause = (await self._pauses.active()).get("drain")
        if _is_operators(pause):
            return None  # the pause itself says why
        unfunded, queued = await self._unfunded(), await self._queue.queued(BATCH)
        self._idle = not (unfunded.jobs or queued or pause)
        if self._idle:
            return None
        ref_block = await self._ref_block(head)
        if ref_block is None:
            return "No irreversible block was followed yet."
        await self._update_pause(await self._sign(unfunded, queued, head, ref_block), pause)
        if len(queued) == BATCH and await self._queue.queued(1) != queued[:1]:
            # More wait, and something moved: whoever waits for the next block then waits for nothing.
            self.wake()
        return None

    async def answer_referrers(self) -> None:
        """Save whom a registration would name as its referrer now, for waiting dry runs. Raises as `drain`."""
        requested = await self._referrers.unanswered()
        if not requested or self._standstill() is not None:
            return
        accounts = await self._accounts((), [name for name in requested if name])
        if missing_from(accounts, self._settings) is not None:
            return
        context = await self._context(await self._node.head(), accounts, GENESIS)
        await self._referrers.save_answers({name: _answer(name, context) for name in requested})

    async def _unfunded(self) -> Unfunded:
        """What is to be paid now: nothing while no initial balance is configured, whatever was promised before."""
        if self._settings.payment is None:
            return Unfunded((), None)
        return await self._queue.unfunded(BATCH)

    async def _sign(self, unfunded: Unfunded, queued: list[Job], head: Head, ref_block: RefBlock) -> str | None:
        """Pay and register; the obstacle in the way, if any."""
        epoch = self._link.epoch
        accounts = await self._accounts_for(queued)
        missing = missing_from(accounts, self._settings)
        if missing is not None:
            return missing_accounts(missing)
        context = await self._context(head, accounts, ref_block)
        return context.obstacle(head.time) or await self._send(unfunded, queued, context, epoch)

    async def _batches(self, queued: list[Job], epoch: int) -> AsyncGenerator[Batch]:
        """`queued`, whose accounts are known, and what waits behind them, until it is time for the next drain."""
        end = asyncio.get_running_loop().time() + DRAIN_SECONDS
        yield queued, {}
        while len(queued) == BATCH:
            queued = await self._queue.queued(BATCH, after=queued[-1].number)
            accounts = await self._accounts_for(queued)
            if not await self._goes_on(end, epoch):
                return
            yield queued, accounts

    async def _goes_on(self, end: float, epoch: int) -> bool:
        """Whether a drain may go on with what it has just read: it is not `end` yet, nor paused or stopped.

        `epoch` is of the connection that it began with: what it knows of the chain is that node's word.
        """
        pause = (await self._pauses.active()).get("drain")
        if self._stopping or _is_operators(pause):
            return False
        return asyncio.get_running_loop().time() < end and epoch == self._link.epoch

    async def _accounts_for(self, queued: list[Job]) -> dict[str, Account]:
        """Every account that is to be known to register `queued`, as far as the chain has it."""
        referrers = {job.signup.referrer for job in queued if job.signup.referrer is not None}
        return await self._accounts([job.signup.name for job in queued], referrers)

    async def _accounts(self, names: Iterable[str], referrers: Iterable[str]) -> dict[str, Account]:
        """Every account that is to be known, as far as the chain has it: one lookup for all.

        By name, and `referrers` as they are spelled: by id, where the name was not known when the signup came.
        """
        spelled = {each: await self._names.find(each) if is_account_id(each) else each for each in referrers}
        named = {spelling: name for spelling, name in spelled.items() if name is not None and not is_account_id(name)}
        wanted = sorted({*named_accounts(self._settings), *names, *named.values()})
        replies = await self._node.accounts(wanted)
        accounts = {name: account for name, account in zip(wanted, replies, strict=True) if account is not None}
        return accounts | {
            spelling: accounts[name]
            for spelling, name in named.items()
            # An id in the cache may be of another fork.
            if name in accounts and spelling in (name, accounts[name].id)
        }

    async def _context(self, head: Head, accounts: dict[str, Account], ref_block: RefBlock) -> DrainContext:
        """The chain as this drain sees it. Raises UnfitNode where the node contradicts what is pinned."""
        peer, settings = self._link.peer, self._settings
        if peer is None:
            raise NotSent("the connection was lost")
        ids = await self._fitness.account_ids(accounts, peer)
        profile = self._fitness.profile
        if profile is None:
            raise NotSent("no node was met yet")
        parameters, balance, members = await asyncio.gather(
            self._node.parameters(),
            self._node.balance(ids[settings.registrar]),
            read_members(self._node, accounts.get(settings.registrar), profile.public_key),
        )
        fees = fees_of(parameters, profile.prefix, settings)
        seen = identify(settings, profile, accounts, members, head=head, own=self._fitness.is_own(peer))
        status = with_fees(seen, fees, balance)
        allowance = await self._allowances.now(status, fees)
        return DrainContext(
            profile=profile,
            settings=settings,
            head=head,
            parameters=parameters,
            accounts=accounts,
            ids=ids,
            ref_block=ref_block,
            status=with_allowance(status, allowance),
            allowance=allowance,
        )

    async def _send(self, unfunded: Unfunded, queued: list[Job], context: DrainContext, epoch: int) -> str | None:
        """Pay and register; the obstacle met on the way, if any."""
        context, unpaid = await self._pay(unfunded, context, epoch)
        async with contextlib.aclosing(self._batches(queued, epoch)) as batches:
            unregistered = await self._registering.register(batches, context, agreed=self._fitness.agreed)
        obstacle = self._registering.node_obstacle
        if obstacle is not None and self._confirmed.configured:
            self._link.leave(obstacle)
        return unregistered or unpaid

    async def _pay(self, unfunded: Unfunded, context: DrainContext, epoch: int) -> tuple[DrainContext, str | None]:
        """Pay what is due, until it is time for registrations; the chain then, and why not all was paid, for people."""
        end = asyncio.get_running_loop().time() + PAY_SECONDS
        while True:
            spent, obstacle = await self._funding.fund(unfunded, context)
            context = context.after(spent)
            if obstacle is not None or len(unfunded.jobs) < BATCH:
                return context, obstacle
            paid, unfunded = unfunded, await self._unfunded()
            if unfunded.jobs[:1] == paid.jobs[:1] or not await self._goes_on(end, epoch):
                return context, None

    async def _ref_block(self, head: Head) -> RefBlock | None:
        """An irreversible block that was followed, for registrations to refer to; None before there is one."""
        if head.irreversible == 0:
            return GENESIS
        final = await self._blocks.last_final(head.irreversible)
        return None if final is None else RefBlock(*final)

    async def _update_pause(self, obstacle: str | None, pause: Pause | None) -> None:
        """Pause with the reason, or end the faucet's own pause when nothing is in the way any more."""
        if obstacle is not None and (pause is None or pause.reason != obstacle):
            log.error("drain paused", extra={"fields": {"reason": obstacle}})
            await self._pauses.auto_pause(obstacle)
        if obstacle is None and pause is not None:
            log.info("drain resumed")
            await self._pauses.end_auto_pause()


def _is_operators(pause: Pause | None) -> bool:
    """Whether an operator paused the drain: at a pause of its own it tries on."""
    return pause is not None and not pause.automatic


def _answer(requested: str, context: DrainContext) -> ReferrerAnswer:
    name = context.referrer(requested or None)
    fee = context.parameters.account_create
    return ReferrerAnswer(
        name, context.account_id(name), (fee.basic_fee, fee.premium_fee, fee.price_per_kbyte, fee.scale)
    )
