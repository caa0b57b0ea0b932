"""Signups on their way from a request to an account: the ledger, the drain, the blocks, and monitoring."""
