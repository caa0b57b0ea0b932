"""Several faucets on one ledger in PostgreSQL, on machines of their own, while everything between them fails."""
