"""The ledger's statements keep to what both SQLite and PostgreSQL take."""

import re

import pytest

from jobs.ledger.sql import Query
from tests.harness.statements import STATEMENTS

#: What only one of them takes, or what means something else to the other.
FOREIGN = (
    r"json_extract|json_group_array|json_object|strftime|unixepoch|datetime\(|rowid|ifnull\(|iif\(|GLOB|INDEXED BY",
    r"INSERT OR |REPLACE INTO",
    r"\?\d|:\w|%s|\$\d",  # parameters but ?
    r"\b(?:max|min)\((?:[^(),]|\([^()]*\))+,",  # of a row; of a group they have one argument
    r"\bIS (?:NOT )?(?!(?:NOT )?NULL\b)",
    r"\b(?:irreversible|provisional|agreed|automatic) = [01?]",
    r"::|\bANY ?\(|ILIKE|DISTINCT ON|\bLATERAL\b|\bLEAST\(|\bGREATEST\(|\bARRAY\b",
)


_LITERAL = re.compile(r"'[^']*'")


def foreign_in(sql: str) -> list[str]:
    """The words of `sql` that are foreign, and its literals with what could be taken for a parameter."""
    words = _LITERAL.sub("''", sql)
    found = [match[0] for pattern in FOREIGN for match in re.finditer(pattern, words)]
    return [*found, *(literal for literal in _LITERAL.findall(sql) if "?" in literal)]


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_statement_has_no_words_of_one_database_alone(name: str) -> None:
    statement = STATEMENTS[name]
    assert foreign_in(statement.sql if isinstance(statement, Query) else statement) == []


@pytest.mark.parametrize(
    "foreign",
    [
        "SELECT json_extract(value, '$[0]')", "INSERT OR REPLACE INTO facts", "SELECT name FROM names WHERE name = ?1",
        "SELECT max(0, reserved)", "SELECT min(a, min(b))", "SELECT a IS NOT b", "SELECT a IS b",
        "SELECT 1 FROM jobs WHERE irreversible = 1", "SELECT '?'", "SELECT a::text",
    ],
)  # fmt: skip
def test_foreign_words_are_found(foreign: str) -> None:
    assert foreign_in(foreign)
