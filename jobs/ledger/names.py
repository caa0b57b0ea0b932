"""The names cache: every account of the chain, as far as its list was read and its blocks were followed."""

import json
from collections.abc import Iterable, Sequence

from jobs.errors import Code
from jobs.ledger.fact_rows import READ_FACT, save_fact
from jobs.ledger.sql import IN_TEXTS, table_of, to_json
from jobs.ledger.store import Part, Tx
from jobs.model.job import State

#: Whether a name of the cache refuses signups: one that only a stranger showed does as long as he is in use.
NAME_COUNTS = """
    (listed_by IS NULL OR listed_by = (
        SELECT source.atom FROM facts JOIN json_each('[' || facts.value || ']') AS source ON TRUE
        WHERE facts.name = 'names_node'))
"""

_SAVED = ("name", "account_id", "block_num", "listed_by", "keys")
# What two nodes show, or an own one, is known of nobody alone; '' stands for nobody at all.
_SHOWN_ANEW = "names.listed_by IS NOT NULL AND (excluded.listed_by IS NULL OR names.listed_by <> excluded.listed_by)"
_SHOWS_KEYS = "excluded.keys IS NOT NULL AND names.account_id = excluded.account_id"
# Who shows other keys than another did leaves nothing that could be relied on.
SAVE_NAMES = f"""
    INSERT INTO names ({", ".join(_SAVED)}) SELECT * FROM {table_of(_SAVED)} AS seen WHERE TRUE
    ON CONFLICT (name) DO UPDATE SET
        listed_by = CASE WHEN {_SHOWN_ANEW} THEN CASE names.listed_by WHEN '' THEN excluded.listed_by END
                    ELSE names.listed_by END,
        block_num = CASE WHEN {_SHOWN_ANEW} AND names.listed_by = '' THEN excluded.block_num
                    ELSE names.block_num END,
        keys = CASE WHEN NOT ({_SHOWS_KEYS}) THEN names.keys
                    WHEN names.keys IS NULL OR names.keys = excluded.keys THEN excluded.keys END
    WHERE ({_SHOWN_ANEW}) OR ({_SHOWS_KEYS})
"""
DELETE_KEYS = f"""
    UPDATE names SET keys = NULL FROM {table_of(("account_id", "memo_key"))} AS changed
    WHERE names.account_id = changed.account_id
      AND (changed.memo_key IS NULL OR names.keys NOT LIKE '%.' || changed.memo_key)
"""
ACCOUNT_IDS = f"SELECT name, account_id FROM names WHERE name {IN_TEXTS}"
FIND = """
    SELECT (SELECT name FROM names WHERE name = ? OR account_id = ? LIMIT 1) AS name,
           EXISTS (SELECT 1 FROM facts WHERE name = 'names_complete' AND value = 'true') AS complete
"""
AVAILABILITY = f"""
    SELECT (SELECT state FROM jobs WHERE name = ? AND code IS NULL) AS state,
           EXISTS (SELECT 1 FROM names WHERE name = ? AND {NAME_COUNTS}) AS on_chain
"""


class Names(Part):
    """Which names the chain has, who says so, and how far its list was read."""

    async def cursor(self) -> str:
        """The last name that the filling of the cache has read; empty before the first."""
        rows = await self._store.read(READ_FACT, ("names_cursor",))
        return str(json.loads(rows[0]["value"])) if rows else ""

    async def save_page(self, page: Iterable[tuple[str, str]], cursor: str, listed_by: str | None = None) -> None:
        """Keep a page of (name, account id) of the chain's accounts, and how far the filling has come.

        `listed_by` is the URL of the stranger that gave it; None if it was an own node.
        """

        def step(tx: Tx) -> None:
            save_accounts(tx, page, None, listed_by=listed_by)
            save_fact(tx, "names_cursor", cursor)

        await self._store.run(step)

    async def source(self) -> str | None:
        """The stranger whose names refuse signups, by URL; None: only those count that no stranger says alone."""
        rows = await self._store.read(READ_FACT, ("names_node",))
        return json.loads(rows[0]["value"]) if rows else None

    async def use_source(self, stranger: str | None, *, anew: bool) -> None:
        """Let the names of `stranger` count beside those that nobody shows alone; read the list `anew` from there."""

        def step(tx: Tx) -> None:
            save_fact(tx, "names_node", stranger)
            if anew:
                save_fact(tx, "names_cursor", "")

        await self._store.run(step)

    async def account_ids(self, names: Iterable[str]) -> dict[str, str]:
        """The account ids of those `names` that the cache holds."""
        rows = await self._store.read(ACCOUNT_IDS, (to_json(names),))
        return {row["name"]: row["account_id"] for row in rows}

    async def find(self, name_or_id: str) -> str | None:
        """The name of the account that has this name or id; None if the chain has none.

        As long as the cache is not complete, `name_or_id` itself for an account that it does not have.
        """
        row = (await self._store.read(FIND, (name_or_id, name_or_id)))[0]
        if row["name"] is None and not row["complete"]:
            return name_or_id
        return None if row["name"] is None else str(row["name"])

    async def availability(self, name: str) -> tuple[Code | None, State | None]:
        """Why `name` can't be had (account_exists, or None if it can), and the state of its live job."""
        row = (await self._store.read(AVAILABILITY, (name, name)))[0]
        state = None if row["state"] is None else State(row["state"])
        exists = bool(row["on_chain"]) or state is not None
        return (Code.ACCOUNT_EXISTS if exists else None, state)


def save_accounts(
    tx: Tx,
    accounts: Iterable[tuple[str, str]],
    block_num: int | None,
    *,
    listed_by: str | None = None,
    keys: Iterable[tuple[str, str, str]] = (),
) -> None:
    """Keep (name, account id) of accounts on the chain, `block_num` None where their block is not known.

    `listed_by` is the URL of the stranger that showed them; None if it was an own node. `keys` are those that a block
    shows, as jobs.blocks.keys gives them.
    """
    digests = {(name, account_id): digest for name, account_id, digest in keys}
    # A block of a node that lies may hold a name twice: the first one counts. PostgreSQL would refuse to write both.
    once = dict(reversed([*accounts, *digests]))
    rows = ((*account, block_num, listed_by, digests.get(account)) for account in once.items())
    tx.execute(SAVE_NAMES, (to_json(rows),))


def delete_keys(tx: Tx, changed: Sequence[tuple[str, str | None]]) -> None:
    """Delete keys that a block may have changed, as jobs.blocks.keys gives them."""
    if changed:
        tx.execute(DELETE_KEYS, (to_json(changed),))
