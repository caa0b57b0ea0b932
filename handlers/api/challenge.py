"""Challenges of proof of work, for whoever has no other way in."""

from handlers.base import ApiHandler
from handlers.render import iso_time
from handlers.replies import Argon2View, ChallengeReply, ChallengeView
from jobs.ways.challenges import LIFETIME
from jobs.ways.work import LANES, MEMORY, PASSES, PRECHECK, Algorithm


class ChallengeHandler(ApiHandler):
    """A new challenge for each request; nothing is stored."""

    route = "challenge"

    async def get(self) -> None:
        """The challenge, null where none is needed. Raises FaucetError ledger_unavailable."""
        proofs = self.context.proofs
        if proofs is None:
            self.reply(ChallengeReply(None))
            return
        client = self.client_address() if self.context.settings.restrict_ip else None
        challenge, token = await proofs.challenge(client)
        is_argon2 = challenge.algorithm is Algorithm.ARGON2
        view = ChallengeView(
            token=token,
            algorithm=challenge.algorithm,
            attempts=challenge.attempts,
            argon2=Argon2View(MEMORY, PASSES, LANES, PRECHECK) if is_argon2 else None,
            expires_at=iso_time(challenge.ends),
            expires_in=LIFETIME,
        )
        self.reply(ChallengeReply(view))

    head = get
