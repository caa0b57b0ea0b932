"""A small strict Graphene node: the default chain of the faucet, and the one that the tests run on."""

from devchain.faults import Fault, FaultKind
from devchain.flavours import Flavour
from devchain.journal import JournalError
from devchain.server import DevChain
from devchain.settings import ChainParameters, DevChainSettings, read_parameters

__all__ = [
    "ChainParameters",
    "DevChain",
    "DevChainSettings",
    "Fault",
    "FaultKind",
    "Flavour",
    "JournalError",
    "read_parameters",
]
