"""The ledger's conformance tests, and its SQLite engine."""
