"""The ledger's PostgreSQL engine: the only place that knows PostgreSQL, imported only where a ledger is in one."""
