"""What the chain's owner and the HTTP side tell each other: facts, pauses, the names cache."""

import json
from collections.abc import Iterable
from dataclasses import asdict, fields

from jobs.errors import Code
from jobs.ledger.book import NAME_COUNTS, Book, as_list, put_accounts
from jobs.ledger.database import Connection
from jobs.model.chain import ChainStatus
from jobs.model.job import State
from jobs.model.operators import Pause

_FACT_NAMES = tuple(field.name for field in fields(ChainStatus))


class Board(Book):
    """Facts, pauses and names."""

    async def chain_status(self) -> ChainStatus:
        """What the chain's owner last saw."""
        rows = await self._database.read("SELECT name, value FROM facts")
        known = {row["name"]: json.loads(row["value"]) for row in rows}
        return ChainStatus(**{name: known[name] for name in _FACT_NAMES if name in known})

    async def save_chain_status(self, chain_status: ChainStatus) -> None:
        """Replace what is known of the chain."""
        known = [(name, json.dumps(value)) for name, value in asdict(chain_status).items()]
        await self._database.run(
            lambda connection: connection.executemany(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) "
                "ON CONFLICT (name) DO UPDATE SET value = ?2 WHERE value <> ?2",
                known,
            )
        )

    async def pauses(self) -> dict[str, Pause]:
        """What stands still now, by its part: `intake` or `drain`."""
        rows = await self._database.read("SELECT part, reason, by, since, automatic FROM pauses")
        return {row["part"]: Pause(row["reason"], row["by"], row["since"], bool(row["automatic"])) for row in rows}

    async def hold_drain(self, reason: str) -> None:
        """Let the drain stand still for the faucet's own `reason`. An operator's pause is not replaced."""
        await self._database.write(
            "INSERT INTO pauses (part, reason, by, since, automatic) VALUES ('drain', ?1, 'faucet', ?2, 1) "
            "ON CONFLICT (part) DO UPDATE SET reason = ?1 WHERE automatic",
            (reason, self._now()),
        )

    async def release_drain(self) -> None:
        """End the faucet's own pause of the drain; an operator's stays."""
        await self._database.write("DELETE FROM pauses WHERE part = 'drain' AND automatic")

    async def names_cursor(self) -> str:
        """The last name that the filling of the cache has read; empty before the first."""
        rows = await self._database.read("SELECT value FROM facts WHERE name = 'names_cursor'")
        return str(json.loads(rows[0]["value"])) if rows else ""

    async def put_names(self, page: Iterable[tuple[str, str]], cursor: str, listed_by: str | None = None) -> None:
        """Keep a page of (name, account id) of the chain's accounts, and how far the filling has come.

        `listed_by` is the URL of the stranger that gave it; None if it was an own node.
        """

        def step(connection: Connection) -> None:
            put_accounts(connection, page, None, listed_by=listed_by)
            _put_fact(connection, "names_cursor", cursor)

        await self._database.run(step)

    async def names_node(self) -> str | None:
        """The stranger whose names refuse signups, by URL; None: only those count that no stranger says alone."""
        rows = await self._database.read("SELECT value FROM facts WHERE name = 'names_node'")
        return json.loads(rows[0]["value"]) if rows else None

    async def take_names_from(self, stranger: str | None, *, anew: bool) -> None:
        """Let the names of `stranger` count beside those that nobody shows alone; read the list `anew` from there."""

        def step(connection: Connection) -> None:
            _put_fact(connection, "names_node", stranger)
            if anew:
                _put_fact(connection, "names_cursor", "")

        await self._database.run(step)

    async def account_ids(self, names: Iterable[str]) -> dict[str, str]:
        """The account ids of those `names` that the cache holds."""
        rows = await self._database.read(
            "SELECT name, account_id FROM names WHERE name IN (SELECT value FROM json_each(?))",
            (as_list(names),),
        )
        return {row["name"]: row["account_id"] for row in rows}

    async def account_named(self, spelled: str) -> str | None:
        """The name of the account that is spelled so, by its name or its id; None if the chain has none.

        As long as the cache is not complete, an account that it does not have is named as it is spelled.
        """
        rows = await self._database.read(
            """
            SELECT coalesce(
                (SELECT name FROM names WHERE name = ?1 OR account_id = ?1),
                CASE WHEN EXISTS (SELECT 1 FROM facts WHERE name = 'names_complete' AND value = 'true')
                     THEN NULL ELSE ?1 END) AS name
            """,
            (spelled,),
        )
        return None if rows[0]["name"] is None else str(rows[0]["name"])

    async def availability(self, name: str) -> tuple[Code | None, State | None]:
        """Why `name` can't be had (account_exists, or None if it can), and the state of its live job."""
        rows = await self._database.read(
            f"""
            SELECT (SELECT state FROM jobs WHERE name = ?1 AND state NOT IN ('failed', 'cancelled')) AS state,
                   EXISTS (SELECT 1 FROM names WHERE name = ?1 AND {NAME_COUNTS}) AS on_chain
            """,
            (name,),
        )
        state = rows[0]["state"]
        taken = bool(rows[0]["on_chain"]) or state is not None
        return (Code.ACCOUNT_EXISTS if taken else None, None if state is None else State(state))


def _put_fact(connection: Connection, name: str, value: object) -> None:
    connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, json.dumps(value)))
