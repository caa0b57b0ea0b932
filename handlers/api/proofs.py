"""Challenges of proof of work, made and taken back: every check that needs no transaction of the ledger."""

import asyncio
import hmac
import secrets
import time
from collections.abc import Coroutine

from jobs.errors import Code, FaucetError
from jobs.ledger.quotas import GENERATION
from jobs.ledger.work import Work
from jobs.model.job import Quota
from jobs.monitoring.metrics import Metrics
from jobs.settings import Settings
from jobs.ways.challenges import (
    LIFETIME,
    Challenge,
    Outcome,
    Proof,
    hash_of_network,
    invalid,
    missing,
    parse_proof,
    spending,
)
from jobs.ways.networks import broad_network, network_quotas
from jobs.ways.work import PRECHECK, Algorithm, attempts, meets_argon2, meets_sha256, seed_of, work_seconds

BUDGET = 0.25  #: seconds that the proofs which wait for their turn may take together
FIRST_GUESS = 0.003  #: seconds that one takes
REMEMBERED = 4096  #: results of argon2
LEARN_INTERVAL = 1000  #: milliseconds between two reads of the keys on account of one that is not known

#: What a proof is to the ledger: a quota to spend, or why there is none.
Checked = Quota | FaucetError


class Proofs:
    """Proof of work where it is asked for; what is secret of it is in the ledger, and read once a week."""

    def __init__(self, settings: Settings, work: Work, metrics: Metrics) -> None:
        self._settings = settings
        self._work = work
        self._metrics = metrics
        self._algorithm = Algorithm(settings.proof_of_work)
        self._keys: dict[int, bytes] = {}  # by generation
        self._learned_at = 0
        self._learning = asyncio.Lock()
        self._argon2 = _OneAtATime()

    async def challenge(self, client: str | None) -> tuple[Challenge, str]:
        """A new challenge for a client whose networks are limited, or None, and its token.

        Raises FaucetError ledger_unavailable.
        """
        now = self._work.now()
        generation = now // GENERATION
        if generation not in self._keys:
            await self._learn(now)
        generation = max(self._keys)  # another machine's clock may be ahead
        key = self._keys[generation]
        network = hash_of_network(None if client is None else broad_network(client), key)
        wanted = attempts(self._algorithm, await self.seconds(client))
        made = Challenge(generation, self._algorithm, wanted, now + LIFETIME * 1000, secrets.token_hex(12), network)
        self._metrics.challenges.inc()
        return made, made.token(key)

    def check(self, text: str | None, client: str | None) -> Checked | Coroutine[None, None, Checked]:
        """What the proof in `text` is to the ledger, or a coroutine that returns it where that takes a while.

        The coroutine raises FaucetError overloaded, ledger_unavailable.
        """
        if text is None:
            return missing()
        proof = parse_proof(text)
        if proof is None:
            return self._refusal(Outcome.MALFORMED)
        if proof.challenge.algorithm is Algorithm.ARGON2 or proof.challenge.generation not in self._keys:
            return self._check_slowly(proof, client)
        return self._counted(self._outcome(proof, client), proof)

    async def seconds(self, client: str | None) -> float:
        """Seconds that a challenge for `client` takes a phone now. Raises FaucetError ledger_unavailable."""
        settings = self._settings
        quotas = () if client is None else network_quotas(client, settings.minIPAge, settings.limits)
        used = await self._work.used(quotas)
        waiting = await self._work.waiting()
        return work_seconds(settings.work_seconds, settings.work_seconds_max, waiting=waiting, used=used)

    async def _check_slowly(self, proof: Proof, client: str | None) -> Checked:
        """With what must be read from the ledger, or takes more than a moment."""
        challenge = proof.challenge
        if challenge.generation not in self._keys:
            await self._learn_of(challenge.generation)
        outcome = self._outcome(proof, client)
        if outcome is Outcome.VALID and challenge.algorithm is Algorithm.ARGON2:
            try:
                is_solved = await self._argon2.meets(proof)
            except FaucetError:
                self._metrics.proofs(Outcome.BUSY).inc()
                raise
            outcome = Outcome.VALID if is_solved else Outcome.WRONG
        return self._counted(outcome, proof)

    def _outcome(self, proof: Proof, client: str | None) -> Outcome:
        """By the checks that take microseconds, the cheapest first."""
        challenge = proof.challenge
        key = self._keys.get(challenge.generation)
        if key is None or challenge.algorithm is not self._algorithm or not challenge.is_signed(proof.signature, key):
            return Outcome.FORGED
        if not challenge.is_current(self._work.now()):
            return Outcome.EXPIRED
        if client is not None and challenge.network != hash_of_network(broad_network(client), key):
            return Outcome.NETWORK
        wanted = PRECHECK if challenge.algorithm is Algorithm.ARGON2 else challenge.attempts
        return Outcome.VALID if meets_sha256(seed_of(proof.token), proof.nonce, wanted) else Outcome.WRONG

    def _counted(self, outcome: Outcome, proof: Proof) -> Checked:
        if outcome is not Outcome.VALID:
            return self._refusal(outcome)
        self._metrics.proofs(outcome).inc()
        return spending(proof.challenge)

    def _refusal(self, outcome: Outcome) -> FaucetError:
        self._metrics.proofs(outcome).inc()
        return invalid(outcome)

    async def _learn_of(self, generation: int) -> None:
        """Know the key of that generation, if there is one, which another machine may have made."""
        async with self._learning:  # whoever comes meanwhile waits for what is read
            now = self._work.now()
            if generation in self._keys or abs(generation - now // GENERATION) > 1:
                return
            if abs(now - self._learned_at) >= LEARN_INTERVAL:  # forged ones are no reason to read each time
                await self._learn(now)

    async def _learn(self, now: int) -> None:
        """Read the keys of the ledger, of which those that sign challenges are made."""
        self._learned_at = now
        keys = await self._work.keys()
        self._keys = {each.generation: hmac.digest(each.key.encode(), b"proof of work", "sha256") for each in keys}


class _OneAtATime:
    """Proofs by argon2, each verified once, in a thread; whoever would wait for too many others is sent away."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, int], bool] = {}  # of tokens and nonces, the oldest first
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._seconds_each = FIRST_GUESS

    async def meets(self, proof: Proof) -> bool:
        """Whether `proof` is solved. Raises FaucetError overloaded."""
        sent = proof.token, proof.nonce
        if sent in self._results:
            return self._results[sent]
        if self._waiting * self._seconds_each >= BUDGET:
            raise FaucetError(Code.OVERLOADED, "Too many proofs of work came at once, please try again.", retry_after=2)
        self._waiting += 1
        try:
            async with self._lock:
                if sent not in self._results:
                    self._remember(sent, await self._verify(proof))
                return self._results[sent]
        finally:
            self._waiting -= 1

    async def _verify(self, proof: Proof) -> bool:
        began = time.monotonic()
        is_solved = await asyncio.to_thread(meets_argon2, seed_of(proof.token), proof.nonce, proof.challenge.attempts)
        self._seconds_each = (self._seconds_each * 3 + time.monotonic() - began) / 4
        return is_solved

    def _remember(self, sent: tuple[str, int], is_solved: bool) -> None:
        """Who sends the same again must not cost the same again."""
        self._results[sent] = is_solved
        if len(self._results) > REMEMBERED:
            del self._results[next(iter(self._results))]
