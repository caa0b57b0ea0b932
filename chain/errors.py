"""What can go wrong between us and a node.

LinkError
├── NotSent          it never left
├── OutcomeUnknown   it may have left; no answer came
├── BadReply         an answer came, but not in the form the chain gives
├── UnfitNode        a node that works, but not for us
└── NodesDisagree    two nodes show the chain differently
Refused              the node answered with an error
"""

from chain.refusals import Refusal
from chain.text import cut


class LinkError(Exception):
    """No use can be made of a node now; the sentence says why, cut where it repeats what the node said."""

    def __init__(self, sentence: str) -> None:
        super().__init__(cut(sentence))


class NotSent(LinkError):
    """There is no connection: nothing has left."""


class OutcomeUnknown(LinkError):
    """The connection was lost, or the time ran out, after a call may have left: it may have been done."""


class BadReply(LinkError):
    """A reply in another form than the chain's."""


class UnfitNode(LinkError):
    """A node on another chain, out of sync, or otherwise not to be used: the next one is tried."""


class NodesDisagree(LinkError):
    """Two nodes show the chain differently: one of them is wrong, and it can't be told which."""


class Refused(Exception):
    """The node answered a call with an error."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.cause}: {refusal.text}")
        self.refusal = refusal
