"""What may be spent now: the ceilings of fees, and what is left of the day's budget."""

from dataclasses import dataclass

from chain.errors import LinkError, Refused
from chain.node import Parameters
from jobs.budget import ASSERTION, REGISTRATION, TRANSFER, Ceilings, ceilings_of, daily_limit
from jobs.drain.context import payment_cost, price, takes_assertions
from jobs.ledger.pins import Pins
from jobs.ledger.queries import Queries
from jobs.ledger.spending import Spending
from jobs.model.job import State
from jobs.nodes.confirmation import ConfirmedChain
from jobs.nodes.profile import ChainProfile
from jobs.settings import Settings


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent; satoshi."""

    ceilings: Ceilings
    budget: int  #: may leave the registrar today
    left: int  #: … and was not signed away yet
    owed: int  #: … and will be taken by the initial balances of accounts on their way


class Allowances:
    """Reads what was spent, and what the budget is a share of."""

    def __init__(
        self, *, settings: Settings, spending: Spending, pins: Pins, queries: Queries, confirmed: ConfirmedChain
    ) -> None:
        self._settings = settings
        self._spending = spending
        self._pins = pins
        self._queries = queries
        self._confirmed = confirmed
        self._saved = False  # whether an own node's fees were kept since the start

    async def now(self, profile: ChainProfile, parameters: Parameters, *, registrar_id: str, balance: int) -> Allowance:
        """What may be spent now; `balance` is what the node in use says. Raises LinkError, Refused or FaucetError."""
        ceilings = ceilings_of(self._settings, await self._lowest_fees(profile, parameters), profile.precision)
        asserts = self._confirmed.stranger and takes_assertions(parameters)
        payment = payment_cost(self._settings, profile, parameters, asserts=asserts)
        fee = min(price(parameters, profile.prefix, self._settings), ceilings.registration)
        budget = daily_limit(
            self._settings.daily_budget,
            balance=await self._basis(registrar_id, balance),
            signup_cost=fee + payment,
            precision=profile.precision,
        )
        counts = await self._queries.counts()
        owed = (counts[State.BROADCAST] + counts[State.REGISTERED]) * payment
        return Allowance(ceilings, budget, budget - await self._spending.spent_today(), owed)

    async def _lowest_fees(self, profile: ChainProfile, parameters: Parameters) -> dict[str, int]:
        """The lowest fees seen on this chain; a stranger's count only as long as there are no others."""
        known, fees = await self._pins.lowest_fees(), fees_of(parameters, profile.prefix, self._settings)
        stranger = self._confirmed.stranger
        if known.keys() >= fees.keys() and (stranger or (self._saved and all(known[op] <= fees[op] for op in fees))):
            return known
        if stranger and self._confirmed.configured:
            fees = fees_of(await self._confirmed.parameters(), profile.prefix, self._settings)
        await self._pins.save_lowest_fees(fees, agreed=not stranger or self._confirmed.configured)
        self._saved = not stranger
        return await self._pins.lowest_fees()

    async def _basis(self, registrar_id: str, balance: int) -> int:
        """The balance that today's budget is a share of: the one at the day's beginning, as far as it is confirmed."""
        known = await self._spending.opening_balance()
        if known is not None:
            return known
        agreed = not self._confirmed.stranger
        if self._confirmed.stranger and self._confirmed.configured:
            try:
                balance, agreed = await self._confirmed.balance(registrar_id, balance), True
            except (LinkError, Refused):
                agreed = False
        return await self._spending.open_day(balance, agreed=agreed)


def fees_of(parameters: Parameters, prefix: str, settings: Settings) -> dict[str, int]:
    """What each operation costs by the chain's parameters, satoshi."""
    fees = {REGISTRATION: price(parameters, prefix, settings), TRANSFER: parameters.transfer.required()}
    return fees | ({} if parameters.assertion is None else {ASSERTION: parameters.assertion.required()})
