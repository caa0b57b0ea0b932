"""Following the chain's blocks: inclusion, finality, expiry, the names cache, reconciliation."""
