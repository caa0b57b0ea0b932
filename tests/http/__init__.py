"""The HTTP side in the test's own process, with a real ledger."""
