"""The ledger's SQLite engine: the only place that knows SQLite."""
