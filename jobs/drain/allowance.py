"""What may be spent now: the ceilings of fees, and what is left of the day's budget."""

from chain.errors import LinkError, Refused
from jobs.budget import Allowance, Fees, budget_of, ceilings_of, fees_of, payment_cost
from jobs.ledger.pins import Pins
from jobs.ledger.queries import Queries
from jobs.ledger.spending import Spending
from jobs.model.chain import ChainStatus
from jobs.model.job import State
from jobs.nodes.confirmation import ConfirmedChain
from jobs.settings import Settings


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

    async def now(self, chain_status: ChainStatus, fees: Fees) -> Allowance:
        """What may be spent now, where the node in use shows `chain_status` and `fees`.

        Raises LinkError, Refused or FaucetError.
        """
        settings = self._settings
        ceilings = ceilings_of(settings, await self._lowest_fees(chain_status, fees), chain_status.precision or 0)
        basis = await self._basis(chain_status.registrar_id or "", chain_status.balance or 0)
        budget = budget_of(chain_status, settings, ceilings, basis)
        counts = await self._queries.counts()
        owed = (counts[State.BROADCAST] + counts[State.REGISTERED]) * payment_cost(chain_status, settings)
        return Allowance(ceilings, budget, budget - await self._spending.spent_today(), owed)

    async def _lowest_fees(self, chain_status: ChainStatus, seen: Fees) -> dict[str, int]:
        """The lowest fees seen on this chain; a stranger's count only as long as there are no others."""
        known, fees = await self._pins.lowest_fees(), seen.by_operation()
        stranger = self._confirmed.stranger
        if known.keys() >= fees.keys() and (stranger or (self._saved and all(known[op] <= fees[op] for op in fees))):
            return known
        if stranger and self._confirmed.configured:
            parameters = await self._confirmed.parameters()
            fees = fees_of(parameters, chain_status.prefix or "", self._settings).by_operation()
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
