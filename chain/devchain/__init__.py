"""A small strict Graphene node: the default chain, and the ground that the tests stand on."""

from chain.devchain.faults import Do, Fault
from chain.devchain.flavours import Flavour
from chain.devchain.journal import JournalError
from chain.devchain.server import DevChain
from chain.devchain.settings import ChainParameters, DevChainSettings, read_parameters

__all__ = [
    "ChainParameters",
    "DevChain",
    "DevChainSettings",
    "Do",
    "Fault",
    "Flavour",
    "JournalError",
    "read_parameters",
]
