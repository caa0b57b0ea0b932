"""What a move copies: the tables of the schema, each with its columns and its key."""

from dataclasses import dataclass

#: Their rows are added to what is there: each table refers to earlier ones only.
ADDED = (
    "transactions", "invitations", "api_keys", "jobs", "operations", "quota_keys", "quotas", "quota_uses", "pins",
    "lowest_fees", "names", "referrer_questions", "blocks", "pauses", "audit", "login_failures", "alerts", "mails",
    "reconciliations", "differences",
)  # fmt: skip
#: Their rows replace what is there: what a new ledger begins with, and what triggers counted of the rows added.
REPLACED = ("facts", "spending", "job_counts", "activity", "invitation_uses")
#: A ledger's own row; and who is logged in: operators log in again where the ledger is now.
LEFT_OUT = ("ledger", "sessions")
#: Tables that have rows in a new ledger, too.
FILLED = ("ledger", "facts", "job_counts")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the ledger, the same on every engine."""

    name: str
    columns: tuple[str, ...]
    texts: frozenset[str]  #: which of them hold texts; the others hold whole numbers, or flags
    key: tuple[str, ...]  #: the columns of the primary key
