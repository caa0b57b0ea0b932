"""All statements of the ledger, by their names."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

import jobs.ledger
from jobs.ledger.job_rows import derive_statement
from jobs.ledger.operators import audit_query
from jobs.ledger.queries import jobs_query
from jobs.ledger.search import OF_TRANSACTION, page_query
from jobs.ledger.signups import insert_statement
from jobs.ledger.sql import Query

VERBS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ")

Statement = str | Query[Any]


def statements_in(name: str, value: object) -> Iterator[tuple[str, Statement]]:
    """The statements in a constant, each with its name."""
    if isinstance(value, Query) or (isinstance(value, str) and value.lstrip().startswith(VERBS)):
        yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from statements_in(f"{name}.{key}", each)


def constants() -> dict[str, Statement]:
    """All statements in constants of the ledger's modules."""
    statements: dict[str, Statement] = {}
    for info in pkgutil.iter_modules(jobs.ledger.__path__):
        module = importlib.import_module(f"jobs.ledger.{info.name}")
        for name, value in vars(module).items():
            if name.isupper() and not name.startswith("_"):
                statements.update(statements_in(f"{info.name}.{name}", value))
    return statements


STATEMENTS = constants() | {
    "accepted": insert_statement(("number", "id", "name")),
    "derived alike": derive_statement(("state = ?", "irreversible = TRUE"), (), moves=True),
    "derived of each": derive_statement(("state = ?",), ("registration", "account_id", "registered_at"), moves=True),
    "page of all": page_query("TRUE", by_name=False, down=True),
    "page by name": page_query("TRUE", by_name=True, down=False),
    "page of a state": page_query("state = ?", by_name=False, down=True),
    "page of an account": page_query("account_id = ?", by_name=False, down=True),
    "page of an API key": page_query("api_key = ?", by_name=False, down=True),
    "page of a transaction": page_query(OF_TRANSACTION, by_name=False, down=True),
    "jobs of a state": jobs_query("state"),
    "jobs of a name": jobs_query("name"),
    "audit of a job": audit_query("number < ?", "target = ?"),
}
QUERIES = {name: query for name, query in STATEMENTS.items() if isinstance(query, Query)}
