"""Quotas: how many signups of each subject were accepted in the interval that runs.

Of a subject, such as a network, the ledger has a keyed hash alone. Each generation has a key of its own, which is
deleted when no interval of that time runs any more, nor any challenge of proof of work. Backups have neither.
"""

import hashlib
import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from jobs.errors import throttled
from jobs.ledger.sql import IN_TEXTS, Query, table_of, to_json
from jobs.ledger.store import Tx
from jobs.model.job import Quota

GENERATION = 7 * 86_400_000  #: milliseconds for which new hashes are made with the same key
HALF_BYTES, KEY_BYTES = 8, 16
KEPT_AFTER = 900_000  #: milliseconds that a key outlasts its generation at the least: challenges are signed with it


class QuotaKey(msgspec.Struct, frozen=True):
    """The key of one generation's hashes."""

    generation: int
    key: str


class Spent(msgspec.Struct, frozen=True):
    """What was spent of a quota."""

    subject: str  #: keyed hash
    spent: int  #: signups
    until: int  #: milliseconds since 1970: end of the interval


KEYS = Query("SELECT generation, key FROM quota_keys ORDER BY generation DESC", QuotaKey)
INSERT_KEY = "INSERT INTO quota_keys (generation, key, until) VALUES (?, ?, ?)"
EXTEND_KEY = "UPDATE quota_keys SET until = ? WHERE generation = ? AND until < ?"
SPENT = Query(f"SELECT subject, spent, until FROM quotas WHERE subject {IN_TEXTS}", Spent, bulk=True)
SAVE_SPENT = f"""
    INSERT INTO quotas (subject, spent, until)
    SELECT * FROM {table_of(("subject", "spent", "until"))} AS accepted WHERE TRUE
    ON CONFLICT (subject) DO UPDATE SET spent = excluded.spent, until = excluded.until
"""
INSERT_USES = f"""
    INSERT INTO quota_uses (job, subjects, until)
    SELECT * FROM {table_of(("job", "subjects", "until"))} AS accepted
"""
GIVE_BACK = """
    UPDATE quotas SET spent = spent - 1
    FROM (SELECT value ->> 0 AS subject, CAST(value ->> 1 AS BIGINT) AS until
          FROM quota_uses, json_each(quota_uses.subjects) AS spent_quotas WHERE job = ?) AS uses
    WHERE quotas.subject = uses.subject AND quotas.until = uses.until AND spent > 0
"""
DELETE_USE = "DELETE FROM quota_uses WHERE job = ?"
PURGE = "DELETE FROM quotas WHERE until <= ?"
PURGE_USES = "DELETE FROM quota_uses WHERE until <= ?"
PURGE_KEYS = "DELETE FROM quota_keys WHERE until <= ? AND generation < (SELECT max(generation) FROM quota_keys)"


class QuotaKeys:
    """The keys, the newest first; those of a generation never change once they are on disk."""

    def __init__(self) -> None:
        self._keys: Sequence[QuotaKey] = ()

    def of(self, tx: Tx) -> Sequence[QuotaKey]:
        """The keys of all generations up to that of the transaction, whose key is made if there is none."""
        generation = tx.now // GENERATION
        if not self._keys or self._keys[0].generation != generation:
            self._keys = tx.rows(KEYS)
        if not self._keys or self._keys[0].generation < generation:
            # It is kept only once it was read: this transaction may be undone.
            made = QuotaKey(generation, secrets.token_hex(KEY_BYTES))
            tx.execute(INSERT_KEY, (made.generation, made.key, (generation + 1) * GENERATION + KEPT_AFTER))
            return made, *self._keys
        return self._keys


@dataclass(slots=True)
class GroupQuotas:
    """The quotas of the signups in one commit: the later see what the earlier spent."""

    now: int
    keys: Sequence[QuotaKey]
    _spent: dict[str, Spent] = field(default_factory=dict)  # by keyed hash
    _halves: dict[str, list[str]] = field(default_factory=dict)
    _uses: dict[int, list[Spent]] = field(default_factory=dict)

    def subjects_of(self, quotas: Iterable[Quota]) -> list[str]:
        """What the ledger may know the subjects of `quotas` by."""
        return [subject for quota in quotas for subject in self._hashes_of(quota)]

    def know(self, spent: Iterable[Spent]) -> None:
        """Take what the ledger has of these."""
        self._spent.update((each.subject, each) for each in spent)

    def check(self, quotas: Iterable[Quota]) -> None:
        """Raises FaucetError throttled where one of them is spent."""
        for quota in quotas:
            running = [spent for subject in self._hashes_of(quota) if (spent := self._running(quota, subject))]
            if sum(each.spent for each in running) >= quota.capacity:
                wait = min((each.until for each in running), default=self.now) - self.now
                retry_after = quota.retry_after or max(1, math.ceil(wait / 1000))
                raise throttled(quota.name, quota.sentence, quota.field, retry_after)

    def used(self, quotas: Iterable[Quota]) -> float:
        """Which part of the one that is used most is used, from 0 to 1; 0 where there are none."""
        return max((min(1.0, self._spent_of(quota) / quota.capacity) for quota in quotas), default=0.0)

    def spend(self, quotas: Iterable[Quota], job: int) -> None:
        """Spend one of each for the job of that number."""
        for quota in quotas:
            subject = self._hashes_of(quota)[0]
            running = self._running(quota, subject) or Spent(subject, 0, self.now + quota.interval * 1000)
            self._spent[subject] = Spent(subject, running.spent + 1, running.until)
            self._uses.setdefault(job, []).append(running)

    def save(self, tx: Tx) -> None:
        """Write what was spent."""
        if not self._uses:
            return
        changed = [self._spent[subject] for subject in {use.subject for uses in self._uses.values() for use in uses}]
        tx.execute(SAVE_SPENT, (to_json((each.subject, each.spent, each.until) for each in changed),))
        until = max(each.until for each in changed)
        tx.execute(EXTEND_KEY, (until, self.keys[0].generation, until))
        tx.execute(INSERT_USES, (to_json(_use_row(job, uses) for job, uses in self._uses.items()),))

    def _spent_of(self, quota: Quota) -> int:
        return sum(spent.spent for subject in self._hashes_of(quota) if (spent := self._running(quota, subject)))

    def _running(self, quota: Quota, subject: str) -> Spent | None:
        """What was spent of it in the interval that runs."""
        spent = self._spent.get(subject)
        # A clock that was set back since would keep it spent for as long as it was set back.
        if spent is None or not 0 < spent.until - self.now <= 2 * quota.interval * 1000:
            return None
        return spent

    def _hashes_of(self, quota: Quota) -> list[str]:
        """Its home and its subject by each key, the newest first."""
        homes, subjects = self._halves_of(quota.home or quota.subject), self._halves_of(quota.subject)
        return [home + subject for home, subject in zip(homes, subjects, strict=True)]

    def _halves_of(self, text: str) -> list[str]:
        halves = self._halves.get(text)
        if halves is None:
            halves = self._halves[text] = [_hash(text, each.key) for each in self.keys]
        return halves


def give_back(tx: Tx, jobs: Iterable[int]) -> None:
    """Give back what these jobs spent, as far as the intervals still run."""
    spenders = [(job,) for job in jobs]
    tx.executemany(GIVE_BACK, spenders)
    tx.executemany(DELETE_USE, spenders)


def purge(tx: Tx) -> None:
    """Delete what no interval needs any more."""
    for statement in (PURGE, PURGE_USES, PURGE_KEYS):
        tx.execute(statement, (tx.now,))


def _hash(subject: str, key: str) -> str:
    return hashlib.blake2b(subject.encode(), key=key.encode(), digest_size=HALF_BYTES).hexdigest()


def _use_row(job: int, uses: Sequence[Spent]) -> tuple[int, str, int]:
    return job, to_json((use.subject, use.until) for use in uses), max(use.until for use in uses)
