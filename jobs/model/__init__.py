"""The values that the ledger holds."""
