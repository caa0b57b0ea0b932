"""Errors of calls to a node.

LinkError
├── NotSent          the call was not sent
├── OutcomeUnknown   it may have been sent; no reply came
├── BadReply         a reply came, but is malformed
├── UnfitNode        the node works, but must not be used
└── NodesDisagree    two nodes show the chain differently
Refused              the node answered with an error
"""

from chain.refusals import Refusal
from chain.text import cut


class LinkError(Exception):
    """A node can't be used now. The sentence says why, cut to one printable line."""

    def __init__(self, sentence: str) -> None:
        super().__init__(cut(sentence))


class NotSent(LinkError):
    """There is no connection: nothing was sent."""


class OutcomeUnknown(LinkError):
    """The connection was lost or the call timed out after it may have been sent: it may have been executed."""


class BadReply(LinkError):
    """A malformed reply."""


class UnfitNode(LinkError):
    """A node on another chain, out of sync, or otherwise not to be used: the next one is tried."""


class NodesDisagree(LinkError):
    """Two nodes show the chain differently: one of them is wrong, and it is unknown which."""


class Refused(Exception):
    """The node answered a call with an error."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.cause}: {refusal.text}")
        self.refusal = refusal
