"""The table of facts: single values, as JSON, by their names."""

import json

from jobs.ledger.store import Tx

READ_FACT = "SELECT value FROM facts WHERE name = ?"
READ_FACTS = "SELECT name, value FROM facts"
#: Writes nothing where the value is the same.
SAVE_FACT = """
    INSERT INTO facts (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE facts.value <> excluded.value
"""


def save_fact(tx: Tx, name: str, value: object) -> None:
    """Keep `value` as `name`."""
    tx.execute(SAVE_FACT, (name, json.dumps(value)))
