"""What a million signups with invitations and API keys cost the next ones, beside an empty ledger."""

import asyncio
import secrets
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from bench.figure import Figure
from bench.growth import compared
from bench.load import Clients
from bench.million import make_ledger
from bench.processes import opened_ledger
from jobs.model.api_key import MAX_RATE, NewApiKey, new_key
from jobs.model.codes import new_code
from jobs.model.invitation import NewInvitation
from tests.harness.program import Faucet

USES = 1_000_000
API_KEYS = 1000
DAY = 86_400_000  #: milliseconds

#: Of two jobs one came with an invitation of its own, and one with an API key; what each spent still counts.
USED = f"""
    INSERT INTO invitations (number, hash, hint, note, uses, made_at, made_by)
    SELECT number, lower(hex(randomblob(32))), 'HINT', 'bench', 1, created_at, 'bench' FROM jobs WHERE number % 2 = 0;
    INSERT INTO invitation_uses (invitation, used) SELECT number, 1 FROM invitations;
    INSERT INTO api_keys (number, hash, hint, name, per_minute, per_day, origins, created_at, created_by)
    SELECT number, lower(hex(randomblob(32))), 'HINT', 'bench', {MAX_RATE}, {MAX_RATE}, '[]', created_at, 'bench'
    FROM jobs LIMIT {API_KEYS};
    UPDATE jobs SET invitation = number WHERE number % 2 = 0;
    UPDATE jobs SET api_key = number % {API_KEYS} + 1 WHERE number % 2 = 1;
    INSERT INTO quotas (subject, spent, until) SELECT printf('%032x', number), 1, :until FROM jobs;
    INSERT INTO quota_uses (job, subjects, until)
    SELECT number, json_array(json_array(printf('%032x', number), :until)), :until FROM jobs;
"""


async def measure(size: float, folder: Path) -> list[Figure]:
    """Signups that have both, with a million behind them and with none."""
    places = {}
    for count in (0, round(USES * size)):
        (folder / f"{count}").mkdir()
        places[count] = str(folder / f"{count}" / "faucet.db")
        await asyncio.to_thread(make_used, Path(places[count]), count, now=time.time())
    return await compared(size, folder, places, let_in)


def make_used(path: Path, count: int, *, now: float) -> None:
    """Fill a new ledger at `path` with `count` jobs that were let in, up to `now`, seconds since 1970."""
    make_ledger(path, count, now=now)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in USED.split(";\n"):
            connection.execute(statement, {"until": int(now * 1000) + DAY})


async def let_in(service: Faucet) -> Clients:
    """Who has an API key and an invitation that are enough for all."""
    key, code = new_key(secrets.choice), new_code(secrets.choice)
    async with opened_ledger(service) as ledger:
        await ledger.api_keys.create(key, NewApiKey("bench", MAX_RATE, MAX_RATE), by="bench")
        await ledger.invitations.make([code], NewInvitation(MAX_RATE, "bench"), by="bench")
    return Clients(api_key=key, invite=code)
