"""What stands between the faucet and a node: the judgement whether it is fit, and a second node that confirms it."""

from collections.abc import Callable

from chain.keys import PrivateKey
from chain.link import Link
from chain.node import Node
from jobs.ledger import Ledger
from jobs.nodes.confirmation import ConfirmedChain, SecondNode
from jobs.nodes.fitness import Fitness
from jobs.settings import Settings


def new_fitness(
    settings: Settings, ledger: Ledger, urls: tuple[str, ...], key: PrivateKey, clock: Callable[[], float]
) -> Fitness:
    """What judges the nodes at `urls` by what `ledger` knows of the chain."""
    return Fitness(settings=settings, pins=ledger.pins, blocks=ledger.blocks, urls=urls, key=key, clock=clock)


def new_confirmed_chain(
    node: Node,
    link: Link,
    urls: tuple[str, ...],
    fitness: Fitness,
    timeout: float,  # of each call
) -> ConfirmedChain:
    """The chain as `node` shows it, which is in use on `link`; another one of `urls` confirms what it says."""
    second = SecondNode(link, urls, is_own=fitness.is_own, validate=fitness.validate_second, timeout=timeout)
    return ConfirmedChain(node, second)
