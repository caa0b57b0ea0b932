"""Moving a ledger from one engine to another."""
